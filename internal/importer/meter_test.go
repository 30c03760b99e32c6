package importer

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestMeterLine(t *testing.T) {
	m := &Meter{}
	if got := m.Line(time.Now()); got != "opening" {
		t.Errorf("before the first step: %q", got)
	}
	m.Begin("copying", "blobs", 40, 4<<30)
	began := m.s.began
	m.Add(10, 1<<30)
	if got, want := m.Line(began.Add(10*time.Second)), "copying: 10 of 40 blobs, 1.0 GiB of 4.0 GiB, 102.4 MiB/s, 30s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.Begin("putting", "manifests and tags", 8, 0)
	m.Add(2, 0)
	if got, want := m.Line(m.s.began.Add(2*time.Second)), "putting: 2 of 8 manifests and tags, 6s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMeterShow: a terminal sees one line that is taken away in the end; a file
// gets lines.
func TestMeterShow(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		m, out := &Meter{}, &bytes.Buffer{}
		seen := make(chan struct{}, 16)
		stop := m.Show(tell{out, seen}, terminal)
		m.Begin("reading", "repositories", 3, 0)
		<-seen
		stop()
		got := out.String()
		if !strings.Contains(got, "reading: 0 of 3 repositories") || strings.Contains(got, "\n") == terminal || strings.HasSuffix(got, "\r\x1b[K") != terminal {
			t.Errorf("terminal %v: %q", terminal, got)
		}
	}
}

// tell is a writer that tells of each write.
type tell struct {
	*bytes.Buffer
	seen chan struct{}
}

func (w tell) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	w.seen <- struct{}{}
	return n, err
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB", 1 << 62: "4.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestClockNeverRunsAhead(t *testing.T) {
	c := &Clock{}
	c.Set(time.Now().Add(time.Hour))
	if ahead := time.Until(c.Now()); ahead > 0 {
		t.Errorf("it is %v ahead", ahead)
	}
	past := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if c.Set(past); !c.Now().Equal(past) {
		t.Error("it does not stand where it was set:", c.Now())
	}
	if c.Set(time.Time{}); time.Since(c.Now()) > time.Minute {
		t.Error("it does not go:", c.Now())
	}
}

func TestPayloads(t *testing.T) {
	p := &payloads{room: 10}
	a := p.keep([]byte("123456"))
	if a == nil || p.keep([]byte("12345")) != nil {
		t.Error("the room is not 10 bytes")
	}
	if p.release(a); p.keep([]byte("1234567890")) == nil {
		t.Error("there is no room again")
	}
}
