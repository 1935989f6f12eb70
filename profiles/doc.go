// Package profiles is the language in which a warehouse says what it wants: which tablets,
// which images, which steps, which settings, which checks. It touches no tablet.
//
// [Load] reads a profile and those that it extends into one tree of YAML, in which every value
// keeps its file, line and column. The tree is held to [Schema], then decoded into a [Profile];
// then what a schema cannot say is checked: names that lead nowhere, steps that exclude one
// another, facts that are asked too early. Everything that is wrong is said at once
// ([Errors]), each with its place and what was likely meant.
//
// A value may be a template ([Text], "tab-{{ tablet.serial }}") and a step may have a condition
// ([Condition], when.go). Both take names, and each name has a [Phase]: the beginning, once the
// tablet is connected, once it has its identity, once it has booted. A value that is needed
// before its names are known is an error of the profile, found without a tablet. Whoever has a
// tablet gives a [Lookup] to [Profile.Expand] and [Profile.Holds].
//
// Secrets are names too, and never text: what they are is given by [Profile.SetSecrets], and
// [Profile.Resolved], which shows a profile to people, shows only their names.
//
// The package has more files and lines than others have, for the language is one idea: its
// schema, its texts and conditions, its checks and its errors know each other's names. What a
// profile means for a tablet is package recipe's.
package profiles
