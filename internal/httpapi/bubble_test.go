package httpapi

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
)

// inBubble runs fn with a server and the pipes that lead to it, where time
// passes when everybody waits: what is held here of idle times does not depend
// on how busy the machine is.
func inBubble(t *testing.T, h http.Handler, fn func(t *testing.T, srv *bubbled)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := &bubbled{pipes: make(chan net.Conn), closed: make(chan struct{})}
		web := &http.Server{Handler: h}
		served := make(chan error, 1)
		go func() { served <- web.Serve(srv) }()
		srv.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(context.Context, string, string) (net.Conn, error) { return srv.dial(), nil }}}
		fn(t, srv)
		web.Close()
		<-served
	})
}

// bubbled listens for the near ends of pipes.
type bubbled struct {
	client *http.Client
	pipes  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// dial returns a connection to the server, which holds nothing: what one end
// writes waits until the other reads it.
func (b *bubbled) dial() net.Conn {
	near, far := net.Pipe()
	b.pipes <- far
	return near
}

func (b *bubbled) Accept() (net.Conn, error) {
	select {
	case c := <-b.pipes:
		return c, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *bubbled) Close() error   { b.once.Do(func() { close(b.closed) }); return nil }
func (b *bubbled) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
