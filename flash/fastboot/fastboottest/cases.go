// This file is the list of all cases.

package fastboottest

import "slices"

func cases() []testCase {
	return slices.Concat(commandCases(), responseCases(), payloadCases(), fetchCases(), endCases())
}
