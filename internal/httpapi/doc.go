// Package httpapi is the wire: it turns requests for /v2/, the API of the
// distribution-spec and the discovery extension beside it, into calls of a
// [lading.Registry], and what comes back into responses.
//
// Three parts do the work. [Parse] makes a typed [Request] of a URL and knows
// nothing else; nothing that it has not validated reaches a registry. The
// handlers make one or a few registry calls each and return errors. One table
// maps error codes to statuses, and one function writes the error body.
//
// The package sees the words of the root package alone. It cannot reach a
// store, so whatever a client gets to see has passed the guards around the
// registry that it was given. It keeps no state between requests.
package httpapi
