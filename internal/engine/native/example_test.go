package native_test

import (
	"errors"
	"fmt"

	"github.com/adjoint-go/adjoint/internal/engine/native"
)

// A program that finds no engine can pass the message on as it is: it holds the command to run.
func ExampleLocateIn() {
	_, _, err := native.LocateIn("/nowhere", "")
	var missing *native.MissingError
	fmt.Println(errors.As(err, &missing))
	fmt.Println(err)
	// Output:
	// true
	// adjoint: there is no engine in /nowhere; to make it, run: go run github.com/adjoint-go/adjoint/cmd/adjoint setup
}
