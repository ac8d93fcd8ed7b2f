// Package house holds the repository's rules as tests: what imports what, that
// only one package is C, that every package is documented and shown by an
// example, and that generated files are fresh.
package house
