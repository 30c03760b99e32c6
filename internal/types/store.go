// Package types holds the definitions that are in use, of all three sources:
// those in the binary, those of a directory, and those that came through the
// API and are in the catalog, where every replica finds them; and the policies,
// which are there too. It notices when a definition changes, and then types
// again, in bounded steps, what is stored.
package types

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// Options are the choices of a Store.
type Options struct {
	// Dir is the directory with the operator's definitions; empty is none. It
	// need not be there.
	Dir string
	// Poll is how often the directory, and the definitions that came through
	// the API of another replica, are looked at; 0 means 3 s.
	Poll time.Duration
	// Page is how many manifests are looked at in one step of the walk; 0
	// means 200.
	Page int
	// Logger gets what is wrong with files; nil discards it.
	Logger *slog.Logger
}

// Store has the definitions that are in use. Its methods may be called from
// any number of goroutines.
type Store struct {
	cat     *catalog.Catalog
	opt     Options
	log     *slog.Logger
	builtIn []arttype.Sourced
	current atomic.Pointer[state]
	changed chan struct{} // of capacity 1: there is another state

	// mu is held while a state is made out of the sources.
	mu     sync.Mutex
	files  []arttype.Sourced // of the directory
	listed string            // what the directory looked like when they were read
}

// state is one set of definitions. It does not change.
type state struct {
	set        *arttype.Set
	generation int64
	bodies     map[string][]byte // of those that came through the API
	policies   policies
}

// Open reads all definitions. It fails for the catalog alone: files that
// cannot be used are told in the log.
func Open(ctx context.Context, cat *catalog.Catalog, opt Options) (*Store, error) {
	if opt.Poll == 0 {
		opt.Poll = 3 * time.Second
	}
	if opt.Page == 0 {
		opt.Page = 200
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{cat: cat, opt: opt, log: opt.Logger, changed: make(chan struct{}, 1)}
	var mistakes arttype.Mistakes
	s.builtIn, mistakes = arttype.BuiltIns()
	s.tell(mistakes)
	return s, s.Reload(ctx)
}

// For returns the definitions in use, the policy that holds in a repository,
// and the generation of both.
func (s *Store) For(repo string) (*arttype.Set, *arttype.Policy, int64) {
	st := s.current.Load()
	return st.set, st.policies.of(repo), st.generation
}

// Defined tells whether a short name is that of a definition.
func (s *Store) Defined(name string) bool { return s.current.Load().set.Type(name) != nil }

// Reload reads the directory anew, whether or not it looks changed, and what
// came through the API.
func (s *Store) Reload(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readDirectory(fingerprint(s.opt.Dir))
	return s.load(ctx, true)
}

// Refresh reads what came through the API of another replica, if anything did.
func (s *Store) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load(ctx, false)
}

// poll reads what has changed.
func (s *Store) poll(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := fingerprint(s.opt.Dir); now != s.listed {
		s.readDirectory(now)
		return s.load(ctx, true)
	}
	t, err := s.cat.Typing(ctx)
	if err != nil || t.Generation == s.current.Load().generation {
		return err
	}
	return s.load(ctx, false)
}

// attempts bounds how often a change is tried again because another replica
// was faster.
const attempts = 10

// remake has a state made out of what the catalog has and puts it in use. It
// does so again when another replica was faster, which make says with
// catalog.ErrStaleType. s.mu is held.
func (s *Store) remake(ctx context.Context, make func(defs []catalog.Definition, stored []catalog.Policy, t catalog.Typing) (*state, error)) error {
	for range attempts {
		defs, stored, typing, err := s.cat.Rules(ctx)
		if err != nil {
			return err
		}
		st, err := make(defs, stored, typing)
		if errors.Is(err, catalog.ErrStaleType) {
			continue
		}
		if err != nil {
			return err
		}
		s.use(st)
		return nil
	}
	return fmt.Errorf("types: %w", catalog.ErrStaleType)
}

// conflict tells a client that others were faster, again and again.
func conflict(err error) error {
	if errors.Is(err, catalog.ErrStaleType) {
		return lading.ErrConflict.With("others change definitions and policies at the same time: try again").Wrap(err)
	}
	return err
}

// load makes a state of all sources. Only when something of this replica's own
// has changed it makes a generation of it: replicas whose own definitions
// differ would outbid each other for ever.
func (s *Store) load(ctx context.Context, own bool) error {
	return s.remake(ctx, func(defs []catalog.Definition, stored []catalog.Policy, typing catalog.Typing) (*state, error) {
		st, mistakes := s.compile(defs)
		var err error
		if st.policies, err = compilePolicies(stored); err != nil {
			return nil, err
		}
		st.generation = typing.Generation
		if text := st.text(); own && text != typing.Definitions || typing.Generation == 0 {
			if st.generation, err = s.register(ctx, typing, text); err != nil {
				return nil, err
			}
		}
		if own {
			s.tell(mistakes)
		}
		return st, nil
	})
}

// register makes a generation that stands for the definitions of a text.
//
// Errors: catalog.ErrStaleType.
func (s *Store) register(ctx context.Context, t catalog.Typing, text string, changes ...catalog.Definition) (int64, error) {
	walked, err := unwalked(t, text)
	if err != nil {
		return 0, err
	}
	return s.cat.ChangeTyping(ctx, t.Generation, text, walked, changes...)
}

func (s *Store) use(st *state) {
	s.current.Store(st)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// compile makes a state of the definitions in the binary, in the directory and
// these, in the order in which they came: of two that say the same the later
// one is a mistake. It has no file.
func (s *Store) compile(defs []catalog.Definition) (*state, arttype.Mistakes) {
	st := &state{bodies: map[string][]byte{}}
	all := slices.Concat(s.builtIn, s.files)
	var mistakes arttype.Mistakes
	for _, d := range defs {
		def, err := arttype.Parse(d.Body)
		if err != nil { // written by another version
			mistakes = append(mistakes, arttype.Mistake{File: d.Name, Reason: err.Error()})
			continue
		}
		st.bodies[d.Name] = d.Body
		all = append(all, arttype.Sourced{Definition: def, Source: arttype.API})
	}
	set, wrong := arttype.NewSet(all...)
	st.set = set
	return st, append(mistakes, wrong...)
}

// text says what the definitions mean for what is stored: a JSON object of the
// names and a hash of what decides about types and shown fields. The others'
// changes touch nothing that is stored.
func (st *state) text() string {
	hashes := map[string]string{}
	for _, t := range st.set.Types() {
		raw, err := json.Marshal(struct {
			Source arttype.Source
			Match  []arttype.Match
			Show   map[string]string
		}{t.Source, t.Definition.Match, t.Definition.Show})
		if err != nil {
			panic(err) // strings, numbers and lists of them
		}
		sum := sha256.Sum256(raw)
		hashes[t.Name] = hex.EncodeToString(sum[:8])
	}
	raw, err := json.Marshal(hashes)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(raw)
}

// tell logs mistakes, each with its place.
func (s *Store) tell(mistakes arttype.Mistakes) {
	for _, m := range mistakes {
		s.log.Error("a type's definition cannot be used", "file", m.File, "line", m.Line, "field", m.Pointer, "reason", m.Reason)
	}
}

// readDirectory reads the operator's files. A file that was good and now is
// not stands as it was: somebody may be writing it, and what is stored is not
// typed anew for that.
func (s *Store) readDirectory(now string) {
	s.listed = now
	if s.opt.Dir == "" {
		return
	}
	if _, err := os.Stat(s.opt.Dir); errors.Is(err, os.ErrNotExist) {
		s.files = nil
		return
	}
	files, mistakes := arttype.Load(os.DirFS(s.opt.Dir), arttype.Directory)
	s.tell(mistakes)
	for _, before := range s.files {
		same := func(d arttype.Sourced) bool { return d.File == before.File || d.Name == before.Name }
		wrong := func(m arttype.Mistake) bool { return m.File == before.File }
		if !slices.ContainsFunc(files, same) && slices.ContainsFunc(mistakes, wrong) && exists(s.opt.Dir, before.File) {
			s.log.Warn("the definition stays as it was before", "file", before.File, "type", before.Name)
			files = append(files, before)
		}
	}
	s.files = files
}
