package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"syscall"
	"time"
)

// A swarm is many readers of streams in one thread: sockets, epoll, and just
// enough understanding of what comes. It is to cost little beside the server
// that it measures.
type swarm struct {
	epoll int
	addr  syscall.SockaddrInet4
	query string
	peers []*peer
	byFD  map[int32]*peer
	buf   []byte
	late  bool // measure how late events are

	delays                           times // from the time in an event to its arrival
	events, states, coalesced, wrong int
	lastWrong                        string
	opens                            []time.Time // when streams began, since the last forget
}

// peer is one of them.
type peer struct {
	fd      int
	state   peerState
	stalls  bool // it reads nothing once it has begun
	rest    []byte
	id      []byte // the cursor of the last event that had one
	due     time.Time
	retry   time.Duration
	events  int // of tags, since the last forget
	from    byte
	expires time.Time // when a stalled one is opened anew
}

type peerState int

const (
	peerClosed peerState = iota
	peerConnecting
	peerAsked
	peerRunning
)

// bindNoPort is IP_BIND_ADDRESS_NO_PORT: the port is chosen when the other end
// is known, so that there are enough.
const bindNoPort = 24

func newSwarm(port, n int, query string) (*swarm, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	s := &swarm{epoll: fd, addr: syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}, query: query,
		byFD: map[int32]*peer{}, buf: make([]byte, 256<<10)}
	for i := range n {
		s.peers = append(s.peers, &peer{fd: -1, retry: time.Second, from: byte(1 + i%16)})
	}
	return s, nil
}

func (s *swarm) close() {
	for _, p := range s.peers {
		s.drop(p)
	}
	syscall.Close(s.epoll)
}

// drop closes a peer's socket.
func (s *swarm) drop(p *peer) {
	if p.fd >= 0 {
		delete(s.byFD, int32(p.fd))
		syscall.Close(p.fd)
	}
	p.fd, p.state, p.rest = -1, peerClosed, p.rest[:0]
}

// open begins to connect a peer.
func (s *swarm) open(p *peer) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if p.stalls {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindNoPort, 1)
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, p.from}}); err != nil {
		syscall.Close(fd)
		return fmt.Errorf("bind: %w", err)
	}
	if err := syscall.Connect(fd, &s.addr); err != nil && !errors.Is(err, syscall.EINPROGRESS) {
		syscall.Close(fd)
		p.due = time.Now().Add(jittered(p.retry))
		return nil
	}
	p.fd, p.state = fd, peerConnecting
	s.byFD[int32(fd)] = p
	return syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: syscall.EPOLLOUT, Fd: int32(fd)})
}

// jittered is from half of d to one and a half.
func jittered(d time.Duration) time.Duration { return d/2 + rand.N(d) }

// request asks for a stream on a connected socket.
func (s *swarm) request(p *peer) {
	text := "GET /v2/_lading/watch/events" + s.query + " HTTP/1.1\r\nHost: bench\r\nAccept: application/x-ndjson\r\n"
	if len(p.id) > 0 {
		text += "Last-Event-ID: " + string(p.id) + "\r\n"
	}
	if _, err := syscall.Write(p.fd, []byte(text+"\r\n")); err != nil {
		s.again(p, jittered(p.retry))
		return
	}
	p.state = peerAsked
	s.await(p, syscall.EPOLLIN)
}

func (s *swarm) await(p *peer, events uint32) {
	_ = syscall.EpollCtl(s.epoll, syscall.EPOLL_CTL_MOD, p.fd, &syscall.EpollEvent{Events: events, Fd: int32(p.fd)})
}

// again closes a peer and opens it in a while.
func (s *swarm) again(p *peer, in time.Duration) {
	s.drop(p)
	p.due = time.Now().Add(in)
}

// run reads until done says so, which is asked a few hundred times a second,
// or the time is up.
func (s *swarm) run(most time.Duration, done func() bool) error {
	events := make([]syscall.EpollEvent, 512)
	for began := time.Now(); time.Since(began) < most && !done(); {
		n, err := syscall.EpollWait(s.epoll, events, 5)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if p := s.byFD[e.Fd]; p != nil {
				s.ready(p, e.Events)
			}
		}
		if err := s.openDue(); err != nil {
			return err
		}
	}
	return nil
}

// openDue opens peers that are to be open, a few at a time.
func (s *swarm) openDue() error {
	now, most := time.Now(), 64
	for _, p := range s.peers {
		if p.stalls && p.state == peerRunning && now.After(p.expires) {
			s.again(p, 0)
		}
		if p.state == peerClosed && !now.Before(p.due) {
			if err := s.open(p); err != nil {
				return err
			}
			if most--; most == 0 {
				return nil
			}
		}
	}
	return nil
}

func (s *swarm) ready(p *peer, events uint32) {
	switch {
	case p.state == peerConnecting && events&(syscall.EPOLLERR|syscall.EPOLLHUP) != 0:
		s.again(p, jittered(p.retry))
	case p.state == peerConnecting:
		s.request(p)
	default:
		s.read(p)
	}
}

// read takes what has come.
func (s *swarm) read(p *peer) {
	n, err := syscall.Read(p.fd, s.buf)
	if errors.Is(err, syscall.EAGAIN) {
		return
	}
	if n <= 0 {
		if in := time.Until(p.due); in > 0 { // a goaway has said when
			s.again(p, in)
		} else {
			s.again(p, jittered(p.retry))
		}
		return
	}
	now := time.Now()
	text := s.buf[:n]
	if len(p.rest) > 0 {
		p.rest = append(p.rest, text...)
		text = p.rest
	}
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		s.line(p, text[:i], now)
		text = text[i+1:]
	}
	p.rest = append(p.rest[:0], text...)
	if p.stalls && p.state == peerRunning {
		s.await(p, 0) // errors alone
	}
}

var (
	tagEvent    = []byte(`"event":"tag.`)
	stateEvent  = []byte(`.state","data"`)
	idField     = []byte(`{"id":"`)
	timeField   = []byte(`"time":"`)
	goawayEvent = []byte(`"event":"goaway"`)
	coalesced   = []byte(`"event":"coalesced"`)
	errorEvent  = []byte(`"event":"error"`)
	putField    = []byte(`"data":{"op":"put"`)
	retryField  = []byte(`"retry_ms":`)
)

// line understands a line: of the header, of the chunks, or an event.
func (s *swarm) line(p *peer, line []byte, now time.Time) {
	if p.state == peerAsked {
		if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			s.wrong, s.lastWrong = s.wrong+1, string(line)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			p.state = peerRunning
			p.expires = now.Add(31 * time.Second) // the server has cut it off by then
			s.opens = append(s.opens, now)
		}
		return
	}
	if len(line) == 0 || line[0] != '{' {
		return // of the chunks
	}
	if bytes.HasPrefix(line, idField) {
		rest := line[len(idField):]
		p.id = append(p.id[:0], rest[:bytes.IndexByte(rest, '"')]...)
	}
	head := line[:min(len(line), 600)]
	switch {
	case bytes.Contains(head, tagEvent):
		p.events++
		s.events++
		if bytes.Contains(head, stateEvent) {
			s.state(line)
		} else if s.late {
			s.delay(line, now)
		}
	case bytes.Contains(head, stateEvent):
		s.state(line)
	case bytes.Contains(head, coalesced):
		s.coalesced++
	case bytes.Contains(head, goawayEvent):
		p.due = now.Add(time.Duration(number(line, retryField)) * time.Millisecond)
	case bytes.Contains(head, errorEvent):
		s.wrong, s.lastWrong = s.wrong+1, string(line)
	}
}

// state counts an item of a state. That something is not there is told late at
// times, and no sign of a stream that begins anew.
func (s *swarm) state(line []byte) {
	if bytes.Contains(line, putField) {
		s.states++
	}
}

func number(line, field []byte) int {
	i := bytes.Index(line, field)
	if i < 0 {
		return 0
	}
	rest := line[i+len(field):]
	n, _ := strconv.Atoi(string(rest[:max(0, bytes.IndexAny(rest, ",}"))]))
	return n
}

func (s *swarm) delay(line []byte, now time.Time) {
	i := bytes.Index(line, timeField)
	if i < 0 {
		return
	}
	rest := line[i+len(timeField):]
	if t, err := time.Parse(time.RFC3339Nano, string(rest[:max(0, bytes.IndexByte(rest, '"'))])); err == nil {
		s.delays = append(s.delays, now.Sub(t))
	}
}

// running is how many streams are open.
func (s *swarm) running() (n int) {
	for _, p := range s.peers {
		if p.state == peerRunning {
			n++
		}
	}
	return n
}

// forget begins to count anew.
func (s *swarm) forget() {
	s.delays, s.events, s.states, s.coalesced, s.wrong, s.opens = s.delays[:0], 0, 0, 0, 0, nil
	for _, p := range s.peers {
		p.events = 0
	}
}

// behind is how many peers have not seen n changes of tags.
func (s *swarm) behind(n int) (left int) {
	for _, p := range s.peers {
		if p.events < n {
			left++
		}
	}
	return left
}
