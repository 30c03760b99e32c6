package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxTyped is the longest password that is read, in bytes.
const maxTyped = 4 << 10

// passwordFrom reads a password: of the standard input, where that is asked
// for, or of who sits at the terminal, without showing it, and twice where it is
// a new one.
func passwordFrom(env Env, s streams, stdin, twice bool, prompt string) (string, error) {
	if stdin {
		return firstLine(s.in)
	}
	if !env.Terminal(s.in) {
		return "", usage("nobody is there to type a password: write --password-stdin to read it from the standard input")
	}
	password, err := typed(s, prompt+": ")
	if err != nil || !twice {
		return password, err
	}
	again, err := typed(s, prompt+", again: ")
	if err == nil && again != password {
		err = errors.New("these are two different ones")
	}
	return password, err
}

// typed reads a line of a terminal that does not show it.
func typed(s streams, prompt string) (string, error) {
	f, ok := s.in.(*os.File)
	if !ok {
		return "", usage("the standard input is no terminal: write --password-stdin")
	}
	fmt.Fprint(s.err, prompt)
	raw, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(s.err)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(raw), nil
}

// firstLine is the only line of a text.
func firstLine(in io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(in, maxTyped+1))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case len(raw) > maxTyped, strings.ContainsAny(line, "\r\n"):
		return "", usage("the password in the standard input is not one line of at most %d bytes", maxTyped)
	case line == "":
		return "", usage("there is no password in the standard input")
	}
	return line, nil
}

// asked reads a line that may be seen.
func asked(s streams, prompt string) (string, error) {
	fmt.Fprint(s.err, prompt)
	line, err := bufio.NewReader(io.LimitReader(s.in, maxTyped)).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" && err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	return line, nil
}
