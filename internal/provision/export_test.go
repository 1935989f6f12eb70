// What the tests from outside need of the package: they go over SSH, which imports it.

package provision

// Where the steps write.
const (
	Connman    = connman
	Anchors    = anchors
	Extracted  = extracted
	MachineID  = machineID
	MadePath   = madePath
	StampPath  = stampPath
	Localtime  = localtime
	Zoneinfo   = zoneinfo
	LocaleFile = localeFile

	TestPEM = testPEM
	TestKey = testKey

	CommandTimeout = commandTimeout
)

// Wizards are the files of a first-run wizard that is done.
var Wizards = wizards

// RunJob runs a job on a booted tablet, and returns its result and those of its steps.
var RunJob = runJob
