// This file is the part of the language about the booted tablet: the steps that stand under
// provision, each with its schema. To add one: a row here, a member of ProvisionStep, and
// what internal/recipe makes of it.

package profiles

// Whether a step needs root.
const (
	needsRoot = true
	anyLogin  = false
)

// provisionSteps are the steps under provision: the key, whether it needs root, and its JSON
// Schema, in which «code» stands for the backquotes that a Go text cannot have. They are put
// into schema.json where it says provision-step.
var provisionSteps = []struct {
	key    string
	root   bool // it cannot be done without ssh.root; others may need it for what they are given
	schema string
}{
	{"regenerate", needsRoot, `{"description": "creates again, once per tablet, what no two tablets may share: «machine-id», «ssh-host-keys»",
    "type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": ["machine-id", "ssh-host-keys"]}}`},
	{"hostname", needsRoot, `{"description": "template; a single name of letters, digits and dashes", "type": ["string", "number"],
    "minLength": 1, "format": "template"}`},
	{"timezone", needsRoot, `{"description": "template; a zone that the system has, such as «Europe/Moscow»", "type": ["string", "number"],
    "minLength": 1, "format": "template"}`},
	{"clock", needsRoot, `{
  "description": "sets the clock to this machine's if it is wrong, also the clock that runs while the tablet is off. ` +
		`Certificates are valid only where the date is right, so it belongs before Wi-Fi and enrolment",
  "type": "object", "additionalProperties": false, "required": ["within"],
  "properties": {
    "within": {"description": "how far it may be off: «5s» or more, such as «1m»", "type": "string",
      "pattern": "^([1-9][0-9]*h([0-9]+m)?([0-9]+s)?|[1-9][0-9]*m([0-9]+s)?|([5-9]|[1-9][0-9]+)s)$"}
  }
}`},
	{"locale", needsRoot, `{"description": "template; such as «ru_RU.UTF-8»", "type": ["string", "number"], "minLength": 1,
    "format": "template"}`},
	{"ca", needsRoot, `{"description": "PEM files with CA certificates that the system will trust", "type": "array", "minItems": 1,
    "items": {"type": ["string", "number"], "minLength": 1}}`},
	{"wifi", needsRoot, `{
  "description": "a Wi-Fi network, in a connman file of its own",
  "type": "object", "additionalProperties": false, "required": ["ssid"],
  "properties": {
    "ssid": {"description": "template; its name", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "security": {"description": "«psk» (the default with a passphrase), «ieee8021x», «none»", "enum": ["psk", "ieee8021x", "none"]},
    "passphrase": {"description": "template; for «psk»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "hidden": {"description": "«true»: the network hides its name", "enum": ["true", "false", true, false]},
    "eap": {"description": "«peap» (the default) or «ttls»", "enum": ["peap", "ttls"]},
    "phase2": {"description": "«MSCHAPV2» (the default), «GTC», «MD5», «PAP»", "enum": ["MSCHAPV2", "GTC", "MD5", "PAP"]},
    "user": {"description": "template; for «ieee8021x»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "password": {"description": "template; for «ieee8021x»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "ca": {"description": "file with the certificate of the network's server", "type": ["string", "number"], "minLength": 1}
  }
}`},
	{"file", anyLogin, `{"$ref": "#/$defs/file",
    "description": "a file on the tablet. It is replaced in one step: an interruption leaves the old file or the new one"}`},
	{"link", needsRoot, `{
  "description": "a symbolic link; anything else at that path is not replaced",
  "type": "object", "additionalProperties": false, "required": ["to", "target"],
  "properties": {
    "to": {"description": "absolute path of the link", "type": "string", "pattern": "^/[^\\x00]*[^/\\x00]$"},
    "target": {"description": "template; the absolute path that it points to", "type": "string", "pattern": "^/", "format": "template"}
  }
}`},
	{"packages", anyLogin, `{
  "description": "RPMs, installed with ru.omp.APM, or with pkcon if there is none", "type": "array", "minItems": 1,
  "items": {
    "type": "object", "additionalProperties": false, "required": ["rpm", "name", "version"],
    "properties": {
      "rpm": {"description": "the file, relative to the profile", "type": ["string", "number"], "minLength": 1},
      "name": {"description": "as «rpm -q» knows it", "type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"},
      "version": {"description": "as «rpm -q» reports it", "type": ["string", "number"], "pattern": "^[A-Za-z0-9._+~^-]{1,64}$"}
    }
  }
}`},
	{"dconf", anyLogin, `{"description": "settings of the user's interface: key: value. «true», «false» and numbers are what they look ` +
		`like, everything else is text; templates, but no secrets, which would stand on a command line",
    "type": "object", "minProperties": 1, "propertyNames": {"pattern": "^(/[A-Za-z0-9_-]+)+$"},
    "additionalProperties": {"type": ["string", "number", "boolean"], "format": "template"}}`},
	{"dbus", anyLogin, `{
  "description": "a call on one of the tablet's buses",
  "type": "object", "additionalProperties": false, "required": ["destination", "object", "method"],
  "properties": {
    "bus": {"description": "«system» (the default) or «session»: the login's own", "enum": ["system", "session"]},
    "destination": {"description": "the service", "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]*$"},
    "object": {"description": "its object's path", "type": "string", "pattern": "^/[A-Za-z0-9_/]*$"},
    "method": {"description": "with its interface, such as «org.freedesktop.DBus.Peer.Ping»", "type": "string",
      "pattern": "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)+$"},
    "args": {"description": "templates, in GVariant's text form", "type": "array", "items": {"type": ["string", "number", "boolean"],
      "format": "template"}},
    "is": {"description": "template; what the answer must be, as «gdbus call» prints it", "type": ["string", "number", "boolean"],
      "format": "template"},
    "root": {"description": "«true»: called by root", "enum": ["true", "false", true, false]},
    "changes": {"description": "«always» (the default): the call changes the tablet; «never»: it only asks", "enum": ["always", "never"]}
  }
}`},
	{"units", needsRoot, `{
  "description": "systemd units, by their state", "type": "object", "additionalProperties": false, "minProperties": 1,
  "properties": {
    "enable": {"description": "start with the system", "$ref": "#/$defs/units"},
    "disable": {"description": "do not start", "$ref": "#/$defs/units"},
    "mask": {"description": "cannot be started", "$ref": "#/$defs/units"}
  }
}`},
	{"authorized-keys", anyLogin, `{"description": "templates; public SSH keys that may log in as the user of «ssh», in addition to ` +
		`those already there",
    "type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1, "format": "template"}}`},
	{"wizard", anyLogin, `{"description": "«done»: the first-run wizard does not appear", "enum": ["done"]}`},
	{"enrolment", anyLogin, `{"$ref": "#/$defs/file",
  "description": "the file with which the device management application enrols the tablet; by default owned by root, mode 0600"}`},
	{"exec", anyLogin, `{
  "description": "a program on the tablet; its exit status must be 0",
  "type": "object", "additionalProperties": false, "required": ["argv"],
  "properties": {
    "argv": {"description": "templates; the program and its arguments, no shell. Secrets are refused, ` +
		`because they would be on a command line", "type": "array", "minItems": 1,
      "items": {"type": ["string", "number", "boolean"], "format": "template"}},
    "root": {"description": "«true»: run by root", "enum": ["true", "false", true, false]},
    "timeout": {"$ref": "#/$defs/duration", "description": "how long it may take (default 1m)"},
    "changes": {
      "description": "«always» (the default): running it changes the tablet, so that such a profile is never COMPLIANT; ` +
		`«never»: it only checks",
      "enum": ["always", "never"]},
    "creates": {"description": "absolute path; the program does not run if this exists", "type": "string",
      "pattern": "^/[^\\x00]*[^/\\x00]$"}
  }
}`},
	{"reboot", needsRoot, `{"description": "restarts the system and waits for it: «if-changed» (if this job changed something) or «always»",
    "enum": ["if-changed", "always"]}`},
}

// ProvisionStep has one of its members.
type ProvisionStep struct {
	Regenerate     []string        `json:"regenerate,omitempty"`
	Hostname       *Text           `json:"hostname,omitempty"`
	Timezone       *Text           `json:"timezone,omitempty"`
	Clock          *Clock          `json:"clock,omitempty"`
	Locale         *Text           `json:"locale,omitempty"`
	CA             []string        `json:"ca,omitempty"` // resolved
	WiFi           *WiFi           `json:"wifi,omitempty"`
	File           *File           `json:"file,omitempty"`
	Link           *Link           `json:"link,omitempty"`
	Packages       []Package       `json:"packages,omitempty"`
	Dconf          map[string]Text `json:"dconf,omitempty"`
	DBus           *DBus           `json:"dbus,omitempty"`
	Units          *Units          `json:"units,omitempty"`
	AuthorizedKeys []Text          `json:"authorized-keys,omitempty"`
	Wizard         string          `json:"wizard,omitempty"`
	Enrolment      *File           `json:"enrolment,omitempty"`
	Exec           *Exec           `json:"exec,omitempty"`
	Reboot         string          `json:"reboot,omitempty"`
	Options
}

// Clock is how right the tablet's clock must be.
type Clock struct {
	Within Duration `json:"within"`
}

// WiFi is a network.
type WiFi struct {
	SSID       Text   `json:"ssid"`
	Security   string `json:"security,omitempty"`
	Passphrase *Text  `json:"passphrase,omitempty"`
	Hidden     bool   `json:"hidden,string,omitempty"`
	EAP        string `json:"eap,omitempty"`
	Phase2     string `json:"phase2,omitempty"`
	User       *Text  `json:"user,omitempty"`
	Password   *Text  `json:"password,omitempty"`
	CA         string `json:"ca,omitempty"` // resolved
}

// File is a file on the tablet.
type File struct {
	From     string `json:"from,omitempty"` // resolved
	Content  *Text  `json:"content,omitempty"`
	To       string `json:"to"`
	Template bool   `json:"template,string,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Mode     string `json:"mode,omitempty"` // octal

	loaded *Text // From, which may hold what no output should show
}

// Text is what the file holds, from wherever it comes.
func (f *File) Text() *Text {
	if f.loaded != nil {
		return f.loaded
	}
	return f.Content
}

// Link is a symbolic link.
type Link struct {
	To     string `json:"to"`
	Target Text   `json:"target"`
}

// Package is an RPM.
type Package struct {
	RPM     string `json:"rpm"` // resolved
	Name    string `json:"name"`
	Version string `json:"version"`
}

// DBus is a call on one of the tablet's buses.
type DBus struct {
	Bus         string `json:"bus,omitempty"`
	Destination string `json:"destination"`
	Object      string `json:"object"`
	Method      string `json:"method"`
	Args        []Text `json:"args,omitempty"`
	Is          *Text  `json:"is,omitempty"`
	Root        bool   `json:"root,string,omitempty"`
	Changes     string `json:"changes,omitempty"`
}

// Units are systemd units, by their state.
type Units struct {
	Enable  []string `json:"enable,omitempty"`
	Disable []string `json:"disable,omitempty"`
	Mask    []string `json:"mask,omitempty"`
}

// Exec is a program that the tablet runs.
type Exec struct {
	Argv    []Text   `json:"argv"`
	Root    bool     `json:"root,string,omitempty"`
	Timeout Duration `json:"timeout,omitempty"`
	Changes string   `json:"changes,omitempty"`
	Creates string   `json:"creates,omitempty"`
}
