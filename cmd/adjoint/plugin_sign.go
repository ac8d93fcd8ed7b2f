package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/adjoint-go/adjoint/plugins/manifest"
	"github.com/adjoint-go/adjoint/plugins/store"
	"github.com/adjoint-go/adjoint/plugins/trust"
)

func newPluginKeygen() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make an ed25519 key to sign plugins with",
		Long: `Keygen makes a new key: FILE holds the private half, which only its owner may read, and FILE.pub the public half, which
goes to those who check signatures with --signed-by. Neither file may exist already.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := trust.NewKey()
			if err != nil {
				return err
			}
			private, public := args[0], args[0]+".pub"
			if err := writeNew(private, key.Encode(), 0o600); err != nil {
				return err
			}
			if err := writeNew(public, key.Public().Encode(), 0o644); err != nil {
				return errors.Join(err, os.Remove(private))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "private key in %s, public key in %s: %s\n", private, public, key.Public())
			return nil
		},
	}
}

func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func newPluginSign() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "sign --key FILE DIR",
		Short: "Sign the package in a folder",
		Long: `Sign checks that the package in DIR is whole and signs its manifest with a private key that adjoint plugin keygen made. The
signature goes into DIR/` + manifest.SignatureName + `, beside those of other keys for the same manifest.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if keyFile == "" {
				return errors.New("plugin sign: --key FILE is missing; adjoint plugin keygen makes one")
			}
			key, err := trust.ReadPrivateKey(keyFile)
			if err != nil {
				return err
			}
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				return fmt.Errorf("plugin sign: %s is no folder; sign before you pack", args[0])
			}
			p, err := store.Open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer p.Close()
			for _, platform := range p.Manifest.Platforms() {
				if err := p.Verify(cmd.Context(), platform); err != nil {
					return err
				}
			}
			lines := key.Sign(p.Text)
			if _, err := trust.Signers(p.Text, p.Signatures); err == nil && !bytes.Contains(p.Signatures, lines) {
				lines = append(bytes.Clone(p.Signatures), lines...)
			} else if err == nil {
				lines = p.Signatures
			}
			if _, err := trust.Signers(p.Text, lines); err != nil {
				return fmt.Errorf("plugin sign: %w", err)
			}
			path := filepath.Join(args[0], manifest.SignatureName)
			if err := os.WriteFile(path, lines, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "signed %s %s, sha256:%s, by %s\n", p.Manifest.ID, p.Manifest.Version, manifest.Digest(p.Text), key.Public())
			return nil
		},
	}
	cmd.Flags().StringVar(&keyFile, "key", "", "the private key `FILE`")
	return cmd
}
