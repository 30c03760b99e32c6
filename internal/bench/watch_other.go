//go:build !linux

package main

import (
	"context"
	"errors"
)

func watchCommand(context.Context, []string) error {
	return errors.New("watch measures with epoll and /proc: it runs on Linux alone")
}
