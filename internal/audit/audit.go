// Package audit keeps the record of who did what. A change is recorded by
// [Append] in the transaction that makes it, so that what was acknowledged is
// on record; what was refused, and what was only read, a [Recorder] writes
// some moments later, in bounded amounts. [Store] reads the records, cut by
// what the reader may see, and removes those past their time.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Of is what a context knows of a record: who is calling and from where.
func Of(ctx context.Context) lading.AuditRecord {
	id, from := lading.IdentityFrom(ctx), lading.OriginFrom(ctx)
	r := lading.AuditRecord{Count: 1, Outcome: lading.AuditAllowed, Actor: id.Subject, Groups: Groups(id.Groups),
		Address: from.Address, Agent: from.Agent, RequestID: from.RequestID}
	if id.Credential != nil {
		r.Credential = id.Credential.ID
	}
	return r
}

// maxGroups bounds the names of groups in a record, in bytes.
const maxGroups = 2048

// Groups are the groups of a caller as a record has them: of very many the
// first, and then "…".
func Groups(all []string) []string {
	size := 0
	for i, g := range all {
		if size += len(g); size > maxGroups {
			return append(slices.Clone(all[:i]), "…")
		}
	}
	return all
}

// Append records a change in its own transaction: who did it is in the
// transaction's context. It is put into its lists later, by Store.Index, so
// that a push pays for two rows at the ends of their tables. pos is a position of the shard's journal that the
// change has drawn, and no other record has.
func Append(tx *sqldb.Tx, pos int64, r lading.AuditRecord) {
	r.Time = time.UnixMicro(pos).UTC()
	insertFresh(tx, key{pos, int64(tx.Shard())}, complete(tx, r))
}

// AppendAt records a change that draws no position, in its own transaction.
func AppendAt(tx *sqldb.Tx, now time.Time, r lading.AuditRecord) {
	r.Time = now.UTC()
	insertFresh(tx, unique(now), complete(tx, r))
}

// insertFresh inserts a record that is in no list yet.
func insertFresh(tx *sqldb.Tx, k key, r lading.AuditRecord) {
	insert(tx, k, r)
	tx.Exec(`INSERT INTO audit_fresh(pos,source) VALUES(?,?)`, k.pos, k.source)
}

// complete adds who did it, where the record does not say it.
func complete(tx *sqldb.Tx, r lading.AuditRecord) lading.AuditRecord {
	by := Of(tx.Context())
	if r.Actor == "" {
		r.Actor = by.Actor
	}
	r.Count, r.Outcome = by.Count, by.Outcome
	r.Groups, r.Credential, r.Address, r.Agent, r.RequestID = by.Groups, by.Credential, by.Address, by.Agent, by.RequestID
	return r
}

// key is the place of a record in the order of records.
type key struct{ pos, source int64 }

// shards is how many sources are shards of the journal.
const shards = 64

// unique is a key of that time that no other record has.
func unique(now time.Time) key { return key{now.UnixMicro(), shards + rand.Int64N(1<<53)} }

// String is the id of the record.
func (k key) String() string {
	return strconv.FormatInt(k.pos, 36) + "-" + strconv.FormatInt(k.source, 36)
}

// parseKey reads what String wrote.
func parseKey(s string) (k key, err error) {
	pos, source, ok := strings.Cut(s, "-")
	if !ok {
		return k, fmt.Errorf("audit: %.40q is not the id of a record", s)
	}
	if k.pos, err = strconv.ParseInt(pos, 36, 64); err == nil {
		k.source, err = strconv.ParseInt(source, 36, 64)
	}
	if err != nil || k.pos < 0 || k.source < 0 {
		return k, fmt.Errorf("audit: %.40q is not the id of a record", s)
	}
	return k, nil
}

func insert(tx *sqldb.Tx, k key, r lading.AuditRecord) {
	r.ID = ""
	body, err := json.Marshal(r)
	if err != nil { // of texts and numbers: there is nothing that can fail
		body = []byte(`{"action":"unknown"}`)
	}
	refused := 0
	if r.Outcome != lading.AuditAllowed {
		refused = 1
	}
	tx.Exec(`INSERT INTO audit(pos,source,actor,place,refused,body) VALUES(?,?,?,?,?,?)`, k.pos, k.source, r.Actor, placeOf(r), refused, string(body))
}

// enlist puts a record into its lists.
func enlist(tx *sqldb.Tx, k key, lists []string) {
	if len(lists) == 0 {
		return
	}
	args := make([]any, 0, 3*len(lists))
	for _, list := range lists {
		args = append(args, list, k.pos, k.source)
	}
	tx.Exec(`INSERT INTO audit_place(place,pos,source) VALUES`+sqldb.Values(len(lists), 3), args...)
}
