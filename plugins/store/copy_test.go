package store

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/adjoint-go/adjoint/plugins/manifest"
)

// A file that grows or shrinks while it is read is noticed, and no more of it is
// read than the manifest says.
func TestFileThatChangesItsSize(t *testing.T) {
	for text, want := range map[string]bool{"12345": true, "1234": false, strings.Repeat("1", 1<<20): false} {
		var b bytes.Buffer
		err := copyExactly(&b, strings.NewReader(text), manifest.File{Path: "x", Size: 5}, 5, "dir")
		if want {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrContent)
		assert.ErrorContains(t, err, "dir/x: it is not what the manifest says: its size changed while it was read")
		assert.LessOrEqual(t, b.Len(), 6)
	}
}
