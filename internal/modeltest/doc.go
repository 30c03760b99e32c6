// Package modeltest holds the discovery protocol against a model of it.
//
// A schedule, made from a seed, changes a registry while clients list it, page
// by page, and follow it with deltas, and others watch it, lose their streams
// and go on, or are slow; it changes what the clients may read, lets time
// pass, purges and restarts. A model in memory, which shares no code
// with the engine, knows what there is and who may read it. When the schedule
// has come to rest, each client's copy must be what the model says; and no
// answer on the way may have named what its reader could not read.
//
// The registry under test is the real one, over HTTP or as a value, on both
// catalogs. The package holds tests alone.
//
// Environment:
//
//	LADING_SEED=n        runs the schedule of that seed alone, and shortens it if it
//	                     fails; over HTTP with LADING_HTTP=1, on PostgreSQL with
//	                     LADING_POSTGRES=1
//	LADING_SCHEDULES=n   runs n schedules in the process, without HTTP
//	LADING_LONG=1        runs the long forms, as LADING_SOAK does
//	LADING_BEHIND=n      leaves out the first n schedules: those of a long form
//	                     that have been run
package modeltest
