package spectest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
)

// race sends all messages at once and returns those answers that were 201.
func race(t *testing.T, w *world, messages []message) (won []answer) {
	t.Helper()
	answers := make([]answer, len(messages))
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() { answers[i] = send(t, w.addr(), m) })
	}
	wg.Wait()
	for _, a := range answers {
		switch a.status {
		case 201:
			won = append(won, a)
		case 412:
		default:
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	return won
}

// TestOneWins: of writers that move a tag at the same time, each if it is
// still where it was, one does, and the tag is where that one put it. The same
// holds of those that create it.
func TestOneWins(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		condition := "If-None-Match: *"
		for round := range 8 {
			var messages []message
			for i := range 8 {
				messages = append(messages, message{"PUT /v2/acme/app/manifests/latest", []string{condition},
					fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"n":"%d.%d"}}`, round, i)})
			}
			won := race(t, w, messages)
			if len(won) != 1 {
				t.Fatalf("round %d: %d writers won", round, len(won))
			}
			now := send(t, w.addr(), message{line: "HEAD /v2/acme/app/manifests/latest"}).header.Get("Etag")
			if now == "" || now != won[0].header.Get("Etag") {
				t.Fatalf("round %d: the tag is at %s, the winner put it to %s", round, now, won[0].header.Get("Etag"))
			}
			condition = "If-Match: " + now
		}
	})
}

// TestPutOrDelete: of one who moves a tag and one who deletes it, each if it is
// still where it was, one succeeds.
func TestPutOrDelete(t *testing.T) {
	manifest := func(n int) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"n":"%d"}}`, n)
	}
	each(t, nil, func(t *testing.T, w *world) {
		for round := range 10 {
			body := manifest(round)
			send(t, w.addr(), message{"PUT /v2/acme/app/manifests/v1", nil, body})
			condition := []string{fmt.Sprintf("If-Match: %q", digest.FromString(body))}
			statuses := make([]int, 2)
			var wg sync.WaitGroup
			for i, m := range []message{{"PUT /v2/acme/app/manifests/v1", condition, manifest(round + 1000)}, {line: "DELETE /v2/acme/app/manifests/v1", header: condition}} {
				wg.Go(func() { statuses[i] = send(t, w.addr(), m).status })
			}
			wg.Wait()
			put, del := statuses[0], statuses[1]
			if !(put == 201 && del == 412 || put == 412 && del == 202) {
				t.Fatalf("round %d: put %d, delete %d", round, put, del)
			}
			if there := send(t, w.addr(), message{line: "HEAD /v2/acme/app/manifests/v1"}).status == 200; there != (put == 201) {
				t.Fatalf("round %d: put %d, delete %d, and the tag is there: %v", round, put, del, there)
			}
		}
	})
}
