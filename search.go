package lading

// SearchQuery asks for repositories by a part of their names.
type SearchQuery struct {
	// Text is what names begin with or contain; empty is every name.
	Text string
	// N is the page length, 1 to MaxSearch.
	N int
	// Page is the number of the page, from 1. Pages end after MaxSearch
	// names.
	Page int
}

// MaxSearch is how many names a search finds: names that begin with the text
// come first, then some that contain it.
const MaxSearch = 1000
