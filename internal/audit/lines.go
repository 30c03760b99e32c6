package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// lines is a file that lines are added to, for one goroutine. Who moves it away
// finds the next lines in a new one. A line that could be written in part only,
// as when the disk is full, is ended before the next one.
type lines struct {
	path string
	out  io.Writer // instead of a file, as standard output
	file *os.File
	torn bool // what was written last does not end a line
}

// open opens the file, and makes it where there is none.
func (l *lines) open() error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	l.file, l.torn = f, false
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, st.Size()-1); err == nil {
			l.torn = last[0] != '\n'
		}
	}
	return nil
}

// close lets go of the file.
func (l *lines) close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

// moved tells whether the file is not under its name any more.
func (l *lines) moved() bool {
	now, err := os.Stat(l.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	open, err := l.file.Stat()
	return err != nil || !os.SameFile(now, open)
}

// write adds whole lines, and returns when they are on the disk.
func (l *lines) write(text []byte) error {
	if l.out != nil {
		return l.add(l.out, text)
	}
	if l.file != nil && l.moved() {
		if err := l.close(); err != nil {
			return err
		}
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if err := l.add(l.file, text); err != nil {
		return errors.Join(err, l.close())
	}
	// What is no file, as a pipe, has no disk.
	if err := l.file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return errors.Join(fmt.Errorf("sync: %w", err), l.close())
	}
	return nil
}

func (l *lines) add(w io.Writer, text []byte) error {
	if l.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := w.Write(text)
	if n > 0 {
		l.torn = text[n-1] != '\n'
	}
	return err
}
