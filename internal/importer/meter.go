package importer

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Meter counts what an import does, step by step. The zero value is ready.
type Meter struct {
	mu sync.Mutex
	s  step
	// Changed is called, if it is set, when a step begins.
	Changed func()
}

// step is what is being done.
type step struct {
	verb, unit   string
	done, total  int
	bytes, whole int64
	began        time.Time
}

// Begin starts a step: so many things, and bytes, are to be done.
func (m *Meter) Begin(verb, unit string, total int, bytes int64) {
	m.mu.Lock()
	m.s = step{verb: verb, unit: unit, total: total, whole: bytes, began: time.Now()}
	m.mu.Unlock()
	if m.Changed != nil {
		m.Changed()
	}
}

// Add counts things and bytes that are done.
func (m *Meter) Add(n int, bytes int64) {
	m.mu.Lock()
	m.s.done += n
	m.s.bytes += bytes
	m.mu.Unlock()
}

// Line tells the progress at a time, in one line.
func (m *Meter) Line(now time.Time) string {
	m.mu.Lock()
	s := m.s
	m.mu.Unlock()
	if s.verb == "" {
		return "opening"
	}
	line := fmt.Sprintf("%s: %d of %d %s", s.verb, s.done, s.total, s.unit)
	if s.total == 0 { // nobody knows how many there are, or there are none
		line = fmt.Sprintf("%s: %d %s", s.verb, s.done, s.unit)
	}
	part, spent := 0.0, now.Sub(s.began)
	if s.total > 0 {
		part = float64(s.done) / float64(s.total)
	}
	if s.whole > 0 {
		part = float64(s.bytes) / float64(s.whole)
		line += fmt.Sprintf(", %s of %s", size(s.bytes), size(s.whole))
		if sec := spent.Seconds(); sec > 0.1 {
			line += fmt.Sprintf(", %s/s", size(int64(float64(s.bytes)/sec)))
		}
	}
	if part > 0 && part < 1 && spent > time.Second {
		left := time.Duration(float64(spent) * (1 - part) / part)
		line += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return line
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for ; f >= 1024 && i < len(units)-1; i++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}

// Show writes the progress to w until the function that it returns is called:
// to a terminal as one line that changes, elsewhere as a line for each step
// and one every ten seconds.
func (m *Meter) Show(w io.Writer, terminal bool) (stop func()) {
	every, format := 10*time.Second, "%s\n"
	if terminal {
		every, format = 200*time.Millisecond, "\r\x1b[K%s"
	}
	began := make(chan struct{}, 1)
	m.Changed = func() {
		select {
		case began <- struct{}{}:
		default:
		}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-quit:
				if terminal {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			case <-t.C:
			case <-began:
			}
			fmt.Fprintf(w, format, m.Line(time.Now()))
		}
	}()
	return func() { close(quit); <-ended }
}
