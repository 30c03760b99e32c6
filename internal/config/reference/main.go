// Command reference writes docs/configuration.md, the operators' reference of
// every key, from the comments of internal/config and its defaults:
//
//	go generate ./internal/config
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference FILE, in the directory of the package config")
		os.Exit(2)
	}
	text, err := reference("config.go")
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}
