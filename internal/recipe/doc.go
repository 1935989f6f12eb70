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
// It has a small file for each part of a recipe; all of them work on one [Maker] or one
// [Recipe].
package recipe
