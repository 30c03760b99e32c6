// Package oracletest asks two registries the same questions, at every endpoint
// of the router and as every sort of caller: one that holds what the caller may
// see and nothing else, and one in which others keep far more, and are at work
// between any two questions. Whatever differs in the answers, in a status, a
// header, a length, a page's end or a cursor's size, is a leak.
//
// A new endpoint without questions of its own fails the test. The package holds
// tests alone.
package oracletest
