package main

import (
	"net"
	"os"
)

// notify tells systemd how the service stands (sd_notify(3)), if it was
// started by systemd and wants to know. What cannot be told is not worth
// failing for.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	// A name that begins with "@" is an abstract one, which package net
	// understands.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}
