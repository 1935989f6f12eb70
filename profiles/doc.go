// Package profiles is the language in which a warehouse says what it wants: which
// tablets, which images, which steps, which settings, which checks. A profile is
// read strictly, and everything that is wrong with it is said at once, with file,
// line and column. This package touches no tablet.
package profiles
