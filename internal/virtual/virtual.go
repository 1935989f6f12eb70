// This file gives the names of package device that a tablet's user needs.

package virtual

import "github.com/zarya-station/zarya/internal/virtual/device"

// What a tablet is made of, and what can be seen of it.
type (
	// Config is what a tablet is made of.
	Config = device.Config
	// Family is what is imitated.
	Family = device.Family
	// Fault is what goes wrong, and when.
	Fault = device.Fault
	// Bus is a wire of limited speed that tablets share.
	Bus = device.Bus
	// Login is who may log in to the booted system.
	Login = device.Login
	// State is a snapshot of a tablet.
	State = device.State
	// Flash is one write to a partition.
	Flash = device.Flash
	// VBMeta is the content of the partition vbmeta.
	VBMeta = device.VBMeta
	// VBMetaDigests is the digest of one partition in VBMeta.
	VBMetaDigests = device.VBMetaDigests
)

// DefaultLogin is the login of a tablet that was given none.
var DefaultLogin = device.DefaultLogin

// Families returns the names of all families, sorted.
func Families() []string { return device.Families() }

// FamilyByName finds a family.
func FamilyByName(name string) (Family, error) { return device.FamilyByName(name) }

// ParseFault reads KIND[=ARG][@WHERE][*N]; see docs/virtual.md.
func ParseFault(spec string) (Fault, error) { return device.ParseFault(spec) }

// ParseFaults reads several.
func ParseFaults(specs ...string) ([]Fault, error) { return device.ParseFaults(specs...) }

// NewBus makes a bus of so many bytes a second.
func NewBus(bytesPerSecond int64) *Bus { return device.NewBus(bytesPerSecond) }
