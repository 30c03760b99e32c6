package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/lading-dev/lading"
)

// watcher follows one stream after another.
type watcher struct {
	place
	flags  *watchFlags
	q      lading.WatchQuery
	cursor string
	kept   string // what is in the file
	saved  time.Time
	now    func() time.Time
	write  func([]lading.Event) error
}

// The waits before a stream is opened again.
const (
	firstWait = 500 * time.Millisecond
	longWait  = 30 * time.Second
)

// follow opens streams until ctx ends, or one cannot be opened for a reason
// that will not pass.
func (w *watcher) follow(ctx context.Context, s streams, d lading.Watcher) error {
	for wait := firstWait; ; {
		pause, told, err := w.stream(ctx, d)
		if told {
			wait = firstWait
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case codeIs(err, lading.CodeCursorExpired) && w.flags.resync:
			s.note("the cursor is too old: begins anew with the state of everything")
			w.cursor, w.q.Initial = "", true
			continue
		case err != nil && !passes(err):
			return watchError(w.place, err)
		case err != nil:
			s.note(fmt.Sprintf("%v; tries again", said(w.host, err)))
		}
		if pause == 0 {
			pause = wait/2 + rand.N(wait)
			wait = min(2*wait, longWait)
		}
		if err := sleep(ctx, pause); err != nil {
			return nil //nolint:nilerr // ended
		}
	}
}

func watchError(p place, err error) error {
	switch {
	case codeIs(err, lading.CodeCursorExpired):
		return fmt.Errorf("%w\nwhat has happened since cannot be told: begin anew with --initial, or say --resync", said(p.String(), err))
	case isWriteError(err):
		return err
	}
	return listError(p, err)
}

// passes reports whether an error may be gone at the next try.
func passes(err error) bool {
	var e *lading.Error
	if !errors.As(err, &e) {
		return !errors.Is(err, errUsage) && !isWriteError(err)
	}
	switch e.Code {
	case lading.CodeUnavailable, lading.CodeTooManyRequests, lading.CodeInternal:
		return true
	}
	return false
}

// writeError is an error of where events are written to.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

func isWriteError(err error) bool {
	var w writeError
	return errors.As(err, &w)
}

// stream follows one stream to its end. pause is how long the registry asks to
// wait before the next; told, whether anything came.
func (w *watcher) stream(ctx context.Context, d lading.Watcher) (pause time.Duration, told bool, err error) {
	q := w.q
	if q.Since = w.cursor; w.cursor != "" {
		q.Initial = false
	}
	st, err := d.Watch(ctx, q)
	if err != nil {
		return 0, false, err
	}
	defer st.Close()
	for {
		events, err := st.Next(ctx)
		if errors.Is(err, io.EOF) {
			return pause, told, nil
		}
		if err != nil {
			return pause, told, err
		}
		told = true
		if err := w.write(events); err != nil {
			return 0, told, writeError{err}
		}
		for _, e := range events {
			if e.Cursor != "" {
				w.cursor = e.Cursor
			}
			if e.Goaway != nil {
				pause = min(max(time.Duration(e.Goaway.RetryMS), 1)*time.Millisecond, longWait)
			}
			if e.Err != nil {
				return 0, told, e.Err
			}
		}
		if w.now().Sub(w.saved) >= time.Second {
			if err := w.keep(); err != nil {
				return 0, told, writeError{err}
			}
		}
	}
}

// keep writes the cursor to its file: a crash leaves the old one or the new.
func (w *watcher) keep() error {
	w.saved = w.now()
	file := w.flags.cursorFile
	if file == "" || w.cursor == "" || w.cursor == w.kept {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("--cursor-file: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(w.cursor + "\n")
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("--cursor-file: %w", err)
	}
	w.kept = w.cursor
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
