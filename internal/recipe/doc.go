// Package recipe turns a profile, its bundles and a station's settings into what the
// engine runs: verified images, the facts that a tablet must report, and steps.
//
// A [Maker] is one station's settings: where its profiles, hooks and keys are, who may
// sign bundles, which secrets no output may show. It makes a [Recipe] of a [Request]:
//
//	profile ── extends ──── base profile        profiles: one tree, every value with its place
//	   │  bundles, or images of its own         bundle: manifest, signature, block digests
//	   │  secrets, unlock codes                 age, the environment
//	 Recipe ─── one variant for each bundle
//	   ├── Job(id, target) ───► flash.Job       for the engine
//	   └── Plan(tablet) ──────► PlanItem        to be printed; nothing is written
//
// When Prepare returns, every byte that a job may send has been read and held to its
// digest, and everything that can be wrong without a tablet has been said. Values that
// depend on the tablet are functions that each job calls when it knows the answer.
//
// A recipe knows no target: it is the same for a hub port, a network address and a
// tablet that is not there yet.
//
// It has more files and a few more lines than others: one small file for each part of a
// profile (images, secrets, codes, hooks, settings, checks, finish), all of which fill in one
// [Recipe] by the settings of one [Maker], and whose errors are gathered so that all that is
// wrong is said at once.
package recipe
