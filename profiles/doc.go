// Package profiles is the language in which a warehouse says what it wants: which
// tablets, which images, which steps, which settings, which checks. A profile is
// read strictly, and everything that is wrong with it is said at once, with file,
// line and column. This package touches no tablet.
//
// The language is one idea in more lines than other packages have: its schema, its texts and
// conditions, its checks and its errors know each other's names.
package profiles
