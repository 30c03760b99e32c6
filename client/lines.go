package client

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// maxLine bounds a line of a stream, in bytes: an event with a manifest in it
// has some 100 KB.
const maxLine = 1 << 20

// lines reads lines of bounded length.
type lines struct {
	r   *bufio.Reader
	buf []byte
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 16<<10)} }

// next returns the next line without its end, valid until the next call.
// Without a whole line there is io.EOF at the end, and io.ErrUnexpectedEOF in
// the middle of a line.
func (l *lines) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r")), nil
		case err == io.EOF && len(l.buf) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}
