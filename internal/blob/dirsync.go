package blob

import "sync"

// dirSyncer lets goroutines that sync the same directory share the call: one
// that begins after their renames serves all of them.
type dirSyncer struct {
	do func(path string) error

	mu   sync.Mutex
	dirs map[string]*dirRounds
}

// dirRounds are the calls for one directory. Who comes while one is under way
// cannot rely on it, and joins the next.
type dirRounds struct {
	running, next *syncRound
}

type syncRound struct {
	done chan struct{} // closed when err is set
	err  error
}

func newDirSyncer(do func(string) error) *dirSyncer {
	return &dirSyncer{do: do, dirs: map[string]*dirRounds{}}
}

// sync returns when a call that began after sync did has ended.
func (s *dirSyncer) sync(path string) error {
	s.mu.Lock()
	d := s.dirs[path]
	if d == nil {
		d = &dirRounds{}
		s.dirs[path] = d
	}
	if d.next != nil {
		r := d.next
		s.mu.Unlock()
		<-r.done
		return r.err
	}
	r, before := &syncRound{done: make(chan struct{})}, d.running
	d.next = r
	s.mu.Unlock()
	if before != nil {
		<-before.done
	}
	s.run(path, d, r)
	return r.err
}

func (s *dirSyncer) run(path string, d *dirRounds, r *syncRound) {
	s.mu.Lock()
	d.running, d.next = r, nil
	s.mu.Unlock()
	r.err = s.do(path)
	s.mu.Lock()
	d.running = nil
	if d.next == nil {
		delete(s.dirs, path)
	}
	s.mu.Unlock()
	close(r.done)
}
