package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/lading-dev/lading/internal/config"
)

// listen opens the address. What "localhost" resolved to is checked as well:
// the configuration could judge its name only.
func listen(ctx context.Context, cfg config.Config) (net.Listener, error) {
	ln, err := bind(ctx, cfg.Listen, cfg.Public(), cfg.NotPublic())
	if err != nil {
		return nil, err
	}
	return &limited{Listener: ln, slots: make(chan struct{}, cfg.Limits.Connections), closed: make(chan struct{})}, nil
}

func bind(ctx context.Context, addr string, public bool, unless string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err // says "listen tcp ADDR: why"
	}
	if !public && reachable(ln.Addr()) {
		ln.Close()
		return nil, fmt.Errorf("%s is %v, which other machines can reach, and %s", addr, ln.Addr(), unless)
	}
	return ln, nil
}

// reachable tells whether other machines can reach an address.
func reachable(addr net.Addr) bool {
	a, ok := addr.(*net.TCPAddr)
	return !ok || !a.IP.IsLoopback()
}

// limited takes a connection only while fewer than so many are open.
type limited struct {
	net.Listener
	slots  chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return &slotConn{Conn: c, free: l.free}, nil
	}
	return &slotTCP{TCPConn: tcp, free: l.free}, nil
}

func (l *limited) free() { <-l.slots }

// Close implements net.Listener.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// slotTCP is a connection that gives its slot back. It embeds the real type,
// so that net/http still finds how to send a file without copying it.
type slotTCP struct {
	*net.TCPConn
	once sync.Once
	free func()
}

// Close implements net.Conn.
func (c *slotTCP) Close() error {
	defer c.once.Do(c.free)
	return c.TCPConn.Close()
}

// slotConn is slotTCP for what is no TCP connection.
type slotConn struct {
	net.Conn
	once sync.Once
	free func()
}

// Close implements net.Conn.
func (c *slotConn) Close() error {
	defer c.once.Do(c.free)
	return c.Conn.Close()
}

// serveAdmin answers operators until the returned function is called, which
// waits for nobody. Without an address it does nothing.
func serveAdmin(ctx context.Context, cfg config.Config, h http.Handler, log *slog.Logger) (end func(), err error) {
	if cfg.Admin.Listen == "" {
		return func() {}, nil
	}
	ln, err := bind(ctx, cfg.Admin.Listen, cfg.Admin.Public, "admin.public is not set")
	if err != nil {
		return nil, fmt.Errorf("operators' listener: %w", err)
	}
	srv := newServer(h, cfg.HTTP, log)
	go srv.Serve(ln) // ends with an error when it is closed, and says nothing else
	log.Info("operators are served", "addr", ln.Addr().String())
	return func() { srv.Close() }, nil
}
