// This file is a profile as Go values. Every name is that of the language; schema.json
// says what each means.

package profiles

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Profile is a profile that is valid.
type Profile struct {
	Name       string           `json:"name"`
	Tablet     TabletMatch      `json:"tablet"`
	Access     Access           `json:"access,omitzero"`
	Bundles    []BundleChoice   `json:"bundles,omitempty"`
	Images     map[string]Image `json:"images,omitempty"` // by partition
	Partitions []string         `json:"partitions,omitempty"`
	Secrets    *SecretSource    `json:"secrets,omitempty"`
	Identity   *Identity        `json:"identity,omitempty"`
	Vars       map[string]Var   `json:"vars,omitempty"`
	Flash      []FlashStep      `json:"flash,omitempty"`
	Boot       Boot             `json:"boot"`
	SSH        *SSH             `json:"ssh,omitempty"`
	Provision  []ProvisionStep  `json:"provision,omitempty"`
	Checks     []Check          `json:"checks,omitempty"`
	Finish     []FinishStep     `json:"finish,omitempty"`
	Hooks      map[string]Hook  `json:"hooks,omitempty"` // by moment: before, after, failed, replug

	order   []string // of the images, as written
	tree    *tree
	files   Files
	named   []string          // files, resolved, in the order in which they were met
	digest  string            // of the texts
	sources []string          // the texts of the profile and of those that it extends
	secrets map[string]string // what {{ secret.NAME }} is, once it is known
}

// TabletMatch says which tablets a profile is for.
type TabletMatch struct {
	Models      Models  `json:"models"`
	ProductFrom string  `json:"product-from,omitempty"` // getvar product, oem get-product-model; "": either
	Lock        string  `json:"lock"`                   // unlocked, allow-unknown
	Battery     Battery `json:"battery"`
}

// Models are full model codes; OfBundle stands for those of the bundle.
type Models []string

// OfBundle is in place of the models when the bundle says them.
const OfBundle = "bundle"

// MarshalJSON writes the form it has.
func (m Models) MarshalJSON() ([]byte, error) {
	if slices.Equal(m, Models{OfBundle}) {
		return json.Marshal(OfBundle)
	}
	return json.Marshal([]string(m))
}

// UnmarshalJSON reads bundle, or a list.
func (m *Models) UnmarshalJSON(b []byte) error { return unmarshalNames((*[]string)(m), b) }

// Battery is what the charge must be.
type Battery struct {
	Min     int    `json:"min,string,omitempty"` // percent
	Unknown string `json:"unknown"`              // allow, warn, stop
}

// Access is how anybody gets into the booted tablet.
type Access struct {
	Mode  string `json:"mode"` // ssh, manual, none; "" until a bundle says it
	Words string `json:"words,omitempty"`
}

// BundleChoice is a bundle for some models.
type BundleChoice struct {
	Models  []string `json:"models,omitempty"` // with *; empty is all
	File    string   `json:"file"`             // resolved
	Version string   `json:"version,omitempty"`
}

// Fits reports whether the choice is for a model.
func (b BundleChoice) Fits(model string) bool {
	return len(b.Models) == 0 || slices.ContainsFunc(b.Models, func(m string) bool { return glob(m, model) })
}

// Accepts reports whether a version will do.
func (b BundleChoice) Accepts(version string) bool {
	op, want := splitVersion(b.Version)
	return want == "" || compareOp(op, compareVersions(version, want))
}

// Image is one image; File is resolved.
type Image struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // 64 hexadecimal digits, lower case
	Slot   string `json:"slot,omitempty"`
	Sparse string `json:"sparse,omitempty"`
}

// SecretSource is where secrets come from.
type SecretSource struct {
	File string            `json:"file,omitempty"` // resolved
	Env  map[string]string `json:"env,omitempty"`  // environment variable by name
}

// Identity is the pool from which each tablet gets a row.
type Identity struct {
	Pool    string   `json:"pool"`
	Columns []string `json:"columns"`
	Secret  []string `json:"secret,omitempty"`
}

// Var is a value with a name: a template, or a choice by a name's value.
type Var struct {
	Value   Text              `json:"-"`
	By      string            `json:"by,omitempty"`
	Map     map[string]string `json:"map,omitempty"`
	Default *string           `json:"default,omitempty"`
}

// UnmarshalJSON reads either form.
func (v *Var) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &v.Value)
	}
	type plain Var
	return json.Unmarshal(b, (*plain)(v))
}

// MarshalJSON writes the form it has.
func (v Var) MarshalJSON() ([]byte, error) {
	if v.By == "" {
		return json.Marshal(v.Value)
	}
	type plain Var
	return json.Marshal(plain(v))
}

// Options are what any step may have.
type Options struct {
	Name    string     `json:"name,omitempty"`
	When    *Condition `json:"when,omitempty"`
	Timeout Duration   `json:"timeout,omitzero"`
}

// FlashStep has one of its members.
type FlashStep struct {
	Unlock *Unlock  `json:"unlock,omitempty"`
	Erase  []string `json:"erase,omitempty"`
	Images names    `json:"images,omitempty"` // all, until the bundle is known
	Relock string   `json:"relock,omitempty"`
	Reboot string   `json:"reboot,omitempty"`
	Options
}

// Unlock names the file of codes.
type Unlock struct {
	Codes string `json:"codes"` // resolved
	By    string `json:"by,omitempty"`
}

// names is all, or a list.
type names []string

// AllImages stands for every image of the bundle.
const AllImages = "all"

func (n *names) UnmarshalJSON(b []byte) error { return unmarshalNames((*[]string)(n), b) }

func unmarshalNames(to *[]string, b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*to = []string{""}
		return json.Unmarshal(b, &(*to)[0])
	}
	return json.Unmarshal(b, to)
}

// Duration is a time.Duration, written 12m.
type Duration time.Duration

// UnmarshalText reads 12m.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// MarshalText writes 12m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Boot is how the system comes up.
type Boot struct {
	Shows  string   `json:"shows,omitempty"`
	Within Duration `json:"within"`
}

// Secret is a value that no output shows.
type Secret struct{ text Text }

func (Secret) String() string { return "***" }

// GoString hides the value from %#v.
func (Secret) GoString() string { return "***" }

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.text.IsZero() }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) {
	if names := s.text.names(); len(names) == 1 && s.text.String() == "{{ "+names[0]+" }}" {
		return json.Marshal(s.text) // it says where the value is, and not what
	}
	return []byte(`"***"`), nil
}

// UnmarshalJSON reads a template, or {env: NAME}.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &s.text)
	}
	var from struct{ Env string }
	if err := json.Unmarshal(b, &from); err != nil {
		return err
	}
	s.text = Text{parts: []piece{{text: "secret." + EnvSecret + from.Env, name: true}}}
	return nil
}

// EnvSecret begins the name of a secret that a profile takes from an environment variable
// directly ({env: NAME}): the rest is the variable.
const EnvSecret = "env:"

// SSH is how the booted tablet is reached.
type SSH struct {
	User         string `json:"user"`
	Password     Secret `json:"password,omitzero"`
	Key          *Text  `json:"key,omitempty"` // a file, resolved, or the key itself as a template
	Port         string `json:"port"`          // a number, or target
	Root         string `json:"root"`          // devel-su, sudo, none
	RootPassword Secret `json:"root-password,omitzero"`
	HostKey      string `json:"host-key,omitempty"`
	Legacy       bool   `json:"legacy,string,omitempty"` // insecure algorithms are allowed
}

// HasRoot reports whether the login is root, or can become it.
func (s *SSH) HasRoot() bool { return s.User == "root" || s.Root != "none" }

// PortNumber is the TCP port; 0 is the target's own number.
func (s SSH) PortNumber() int {
	n, _ := strconv.Atoi(s.Port) // target is 0
	return n
}

// Check is what must hold at the end.
type Check struct {
	Fact      string     `json:"fact,omitempty"`
	Is        *Text      `json:"is,omitempty"`
	IsNot     *Text      `json:"is-not,omitempty"`
	Min       *int       `json:"min,string,omitempty"`
	Max       *int       `json:"max,string,omitempty"`
	Valid     string     `json:"valid,omitempty"`
	Unique    string     `json:"unique,omitempty"`
	Partition string     `json:"partition,omitempty"`
	Digest    string     `json:"digest,omitempty"`
	When      *Condition `json:"when,omitempty"`
}

// FinishStep has one of its members.
type FinishStep struct {
	Remove        *Removed       `json:"remove,omitempty"`
	DeveloperMode *DeveloperMode `json:"developer-mode,omitempty"`
	LockState     *LockState     `json:"lock-state,omitempty"`
	Power         string         `json:"power,omitempty"`
}

// Removed is what does not leave the building.
type Removed struct {
	WiFi  []string `json:"wifi,omitempty"`
	Keys  []string `json:"keys,omitempty"`
	Files []string `json:"files,omitempty"`
}

// DeveloperMode says by which commands it is turned off; none are the program's own.
type DeveloperMode struct {
	Disable [][]string `json:"disable,omitempty"`
}

// UnmarshalJSON reads disabled, or the commands.
func (d *DeveloperMode) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return nil
	}
	type plain DeveloperMode
	return json.Unmarshal(b, (*plain)(d))
}

// MarshalJSON writes the form it has.
func (d DeveloperMode) MarshalJSON() ([]byte, error) {
	if len(d.Disable) == 0 {
		return []byte(`"disabled"`), nil
	}
	type plain DeveloperMode
	return json.Marshal(plain(d))
}

// LockState is how the bootloader's lock is left, and why.
type LockState struct {
	Leave   string `json:"leave"`
	Because string `json:"because"`
}

// Hook is a program of the station.
type Hook struct {
	Argv    []Text   `json:"argv"`
	Timeout Duration `json:"timeout,omitempty"`
	Ask     bool     `json:"ask,string,omitempty"` // before only: what it prints says whether the job is run
}
