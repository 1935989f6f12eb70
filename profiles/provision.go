// This file is the part of the language about the booted tablet: the steps that stand under
// provision, each with its schema. To add one: a row here, a member of ProvisionStep, and
// what internal/recipe makes of it.

package profiles

// provisionSchemas are the steps under provision: the key, and its JSON Schema, in which
// «code» stands for the backquotes that a Go text cannot have. They are put into
// schema.json where it says provision-step.
var provisionSchemas = []struct{ key, schema string }{
	{"regenerate", `{"description": "makes anew, once a tablet, what no two may share: «machine-id», «ssh-host-keys»", "type": "array",
    "minItems": 1, "uniqueItems": true, "items": {"enum": ["machine-id", "ssh-host-keys"]}}`},
	{"hostname", `{"description": "template; one label of letters, digits and dashes", "type": ["string", "number"], "minLength": 1,
    "format": "template"}`},
	{"timezone", `{"description": "template; a zone that the system has, such as «Europe/Moscow»", "type": ["string", "number"],
    "minLength": 1, "format": "template"}`},
	{"locale", `{"description": "template; such as «ru_RU.UTF-8»", "type": ["string", "number"], "minLength": 1, "format": "template"}`},
	{"ca", `{"description": "files with CA certificates in PEM that the system trusts from now on", "type": "array", "minItems": 1,
    "items": {"type": ["string", "number"], "minLength": 1}}`},
	{"wifi", `{
  "description": "a network, in connman's file of its own",
  "type": "object", "additionalProperties": false, "required": ["ssid"],
  "properties": {
    "ssid": {"description": "template; its name", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "security": {"description": "«psk» (the default with a passphrase), «ieee8021x», «none»", "enum": ["psk", "ieee8021x", "none"]},
    "passphrase": {"description": "template; for «psk»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "hidden": {"description": "«true»: it does not show its name", "enum": ["true", "false", true, false]},
    "eap": {"description": "«peap» (the default) or «ttls»", "enum": ["peap", "ttls"]},
    "phase2": {"description": "«MSCHAPV2» (the default), «GTC», «MD5», «PAP»", "enum": ["MSCHAPV2", "GTC", "MD5", "PAP"]},
    "user": {"description": "template; for «ieee8021x»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "password": {"description": "template; for «ieee8021x»", "type": ["string", "number"], "minLength": 1, "format": "template"},
    "ca": {"description": "file with the certificate of the network's server", "type": ["string", "number"], "minLength": 1}
  }
}`},
	{"file", `{"$ref": "#/$defs/file",
    "description": "a file on the tablet; it takes its place in one step: a cut leaves the old one or the new one"}`},
	{"link", `{
  "description": "a symbolic link; what stands there and is no link is not replaced",
  "type": "object", "additionalProperties": false, "required": ["to", "target"],
  "properties": {
    "to": {"description": "absolute path of the link", "type": "string", "pattern": "^/[^\\x00]*[^/\\x00]$"},
    "target": {"description": "template; the absolute path that it points to", "type": "string", "pattern": "^/", "format": "template"}
  }
}`},
	{"packages", `{
  "description": "RPMs, installed with ru.omp.APM, or pkcon where there is none", "type": "array", "minItems": 1,
  "items": {
    "type": "object", "additionalProperties": false, "required": ["rpm", "name", "version"],
    "properties": {
      "rpm": {"description": "the file, relative to the profile", "type": ["string", "number"], "minLength": 1},
      "name": {"description": "as «rpm -q» knows it", "type": ["string", "number"], "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$"},
      "version": {"description": "as «rpm -q» tells it", "type": ["string", "number"], "pattern": "^[A-Za-z0-9._+~^-]{1,64}$"}
    }
  }
}`},
	{"dconf", `{"description": "settings of the user's interface: key: value. «true», «false» and numbers are what they look like, ` +
		`everything else is text; templates, but no secrets, which would stand on a command line",
    "type": "object", "minProperties": 1, "propertyNames": {"pattern": "^(/[A-Za-z0-9_-]+)+$"},
    "additionalProperties": {"type": ["string", "number", "boolean"], "format": "template"}}`},
	{"dbus", `{
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
	{"units", `{
  "description": "units of systemd by what they shall be", "type": "object", "additionalProperties": false, "minProperties": 1,
  "properties": {
    "enable": {"description": "those that start", "$ref": "#/$defs/units"},
    "disable": {"description": "those that do not", "$ref": "#/$defs/units"},
    "mask": {"description": "those that cannot be started", "$ref": "#/$defs/units"}
  }
}`},
	{"authorized-keys", `{"description": "templates; public SSH keys that may log in as the login of «ssh», besides those that are there",
    "type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1, "format": "template"}}`},
	{"wizard", `{"description": "«done»: the first-run wizard does not appear", "enum": ["done"]}`},
	{"enrolment", `{"$ref": "#/$defs/file",
  "description": "the file with which the device management's own application enrols the tablet; root's, 0600, if nothing else is said"}`},
	{"exec", `{
  "description": "a program on the tablet; its exit status must be 0",
  "type": "object", "additionalProperties": false, "required": ["argv"],
  "properties": {
    "argv": {"description": "templates; the program and its arguments, no shell. Secrets are refused: they would stand on a command line",
      "type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"], "format": "template"}},
    "root": {"description": "«true»: run by root", "enum": ["true", "false", true, false]},
    "timeout": {"$ref": "#/$defs/duration", "description": "how long it may take (1m)"},
    "changes": {
      "description": "«always» (the default): running it changes the tablet, so that such a profile is never COMPLIANT; ` +
		`«never»: it only checks",
      "enum": ["always", "never"]},
    "creates": {"description": "absolute path; not run if it is there", "type": "string", "pattern": "^/[^\\x00]*[^/\\x00]$"}
  }
}`},
	{"reboot", `{"description": "restarts the system and waits for it: «if-changed», when this job has changed something, or «always»",
    "enum": ["if-changed", "always"]}`},
}

// ProvisionStep has one of its members.
type ProvisionStep struct {
	Regenerate     []string        `json:"regenerate,omitempty"`
	Hostname       *Text           `json:"hostname,omitempty"`
	Timezone       *Text           `json:"timezone,omitempty"`
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

// Units are units of systemd by what they shall be.
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
