package main

import (
	"fmt"
	"strings"
)

// tile is the width of the tiles in which the GPU kernels compute: a threadgroup of
// tile*tile threads makes one tile of an output, and keeps the tiles that it needs in
// threadgroup memory. Edges are filled with zeros.
const tile = 16

// size returns the text of a matrix's rows or columns.
func (m matrix) size(columns bool, format string) string {
	axis := 2
	if columns != m.transposed {
		axis = 1
	}
	return fmt.Sprintf(format, m.input, axis)
}

// threads is the rule for the number of threads: those of all tiles of all outputs.
func threads(outputs []output) string {
	var tiles []string
	for _, o := range outputs {
		up := func(m matrix, columns bool) string {
			return fmt.Sprintf("(%s + %d) / %d", m.size(columns, "dim(%s, -%d)"), tile-1, tile)
		}
		tiles = append(tiles, fmt.Sprintf("%s * (%s)", up(o.terms[0].left, false), up(o.terms[0].right, true)))
	}
	return fmt.Sprintf("%d * (%s)", tile*tile, strings.Join(tiles, " + "))
}

// entries is the rule for the size of the batch. Where there is anything to compute,
// one of the first two inputs has elements; the other may have none.
func entries(a, b string) string {
	of := func(x string) string { return fmt.Sprintf("size(%[1]s) / max(1, dim(%[1]s, -2) * dim(%[1]s, -1))", x) }
	return fmt.Sprintf("max(%s, %s)", of(a), of(b))
}

// sources returns the bodies of the kernel in Metal and in CUDA.
func sources(outputs []output) (metal, cuda string) {
	var b strings.Builder
	for _, o := range outputs {
		o.write(&b)
	}
	metal = fmt.Sprintf(`
threadgroup float left_tile[%[1]d][%[1]d], right_tile[%[1]d][%[1]d];
int group = threadgroup_position_in_grid.x, entry = threadgroup_position_in_grid.z;
int x = thread_index_in_threadgroup %% %[1]d, y = thread_index_in_threadgroup / %[1]d;
`, tile) + strings.ReplaceAll(b.String(), "BARRIER", "threadgroup_barrier(mem_flags::mem_threadgroup)")
	cuda = fmt.Sprintf(`
__shared__ float left_tile[%[1]d][%[1]d], right_tile[%[1]d][%[1]d];
int group = blockIdx.x, entry = blockIdx.z;
int x = threadIdx.x %% %[1]d, y = threadIdx.x / %[1]d;
`, tile) + strings.ReplaceAll(b.String(), "BARRIER", "__syncthreads()")
	return metal, cuda
}

// write adds what makes an output, if the threadgroup's number is among its tiles.
func (o output) write(b *strings.Builder) {
	const size = "%[1]s_shape[%[1]s_ndim - %[2]d]"
	fmt.Fprintf(b, `
{ // %[1]s
  int rows = %[2]s, columns = %[3]s;
  int across = (columns + %[4]d) / %[5]d, tiles = (rows + %[4]d) / %[5]d * across;
  if (group >= 0 && group < tiles) {
    int row = group / across * %[5]d + y, column = group %% across * %[5]d + x;
    float total = 0;
`, o.name, o.terms[0].left.size(false, size), o.terms[0].right.size(true, size), tile-1, tile)
	for _, t := range o.terms {
		inner := t.left.size(true, size)
		fmt.Fprintf(b, `    for (int inner = %[1]s, first = 0; first < inner; first += %[2]d) {
      left_tile[y][x] = row < rows && first + x < inner ? %[3]s : 0;
      right_tile[y][x] = first + y < inner && column < columns ? %[4]s : 0;
      BARRIER;
      for (int i = 0; i < %[2]d; i++) {
        total += left_tile[y][i] * right_tile[i][x];
      }
      BARRIER;
    }
`, inner, tile, t.left.element("row", "rows", "first + x", "inner"), t.right.element("first + y", "inner", "column", "columns"))
	}
	fmt.Fprintf(b, `    if (row < rows && column < columns) {
      %s[(entry * rows + row) * columns + column] = total;
    }
  }
  group -= tiles;
}
`, o.name)
}

// element is the text for an element of a matrix, of the entry of the batch.
func (m matrix) element(row, rows, column, columns string) string {
	if m.transposed {
		row, rows, column, columns = column, columns, row, rows
	}
	return fmt.Sprintf("%s[(entry * %s + %s) * %s + %s]", m.input, rows, row, columns, column)
}
