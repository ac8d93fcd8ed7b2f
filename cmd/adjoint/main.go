// Command adjoint installs and inspects the engine of the Adjoint framework.
//
//	adjoint setup        makes the engine (once per user and version)
//	adjoint doctor       says what is installed, what is wrong and what mends it
//	adjoint conformance  checks every op on this machine
//	adjoint graph        draws a compiled program
//	adjoint plugin       installs, checks and runs kernel plugins
//	adjoint version      prints the versions
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() { os.Exit(run()) }

// run is main with an exit code, so that tests can call it in a process of their own.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("adjoint: interrupted; nothing was changed")
	}
	fmt.Fprintln(os.Stderr, oneLine(err.Error()))
	return 1
}

// oneLine keeps an error on one line, with the program's name before it.
func oneLine(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if !strings.HasPrefix(message, "adjoint") {
		message = "adjoint: " + message
	}
	return message
}
