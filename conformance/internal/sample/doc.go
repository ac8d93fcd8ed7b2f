// Package sample makes inputs for the rows of the op table, calls an op by its
// row, and compares results on the host.
//
//	row := sample.Rows()[0]                      // add
//	leaves := row.Leaves(0, core.Float32)        // the arrays of its first sample
//	in := leaves[0].Make(sample.Source(1, "in")) // a [Value]: bytes on the host
//	out := row.Invoke(row.Samples[0], arrays)    // the op, on arrays
package sample
