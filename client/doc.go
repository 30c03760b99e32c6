// Package client is a registry behind HTTP: a [Client] is a lading.Registry,
// so what is written for one inside the process works with one far away, and
// errors.Is finds the same errors on both ends of the wire.
//
// Of the distribution-spec it needs what every registry has. Listings, deltas
// and streams need the discovery extension; [Client.Extensions] tells whether
// a registry has it.
//
// What a registry answers is not trusted: every answer is bounded, content is
// compared with its digest, and credentials go to the registry they are for and
// to nobody else. The package does no I/O but HTTP and, where
// [DockerCredentials] or [Certificates] are asked for, reading the Docker
// configuration and files of certificates.
package client
