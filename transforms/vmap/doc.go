// Package vmap vectorizes functions: what f does for one example is done for a
// batch at once.
//
//	perExample := vmap.Of(grad.Of2(loss), vmap.In(nil, 0))
//	grads := perExample(params, batch) // every leaf with a leading batch axis
//
// [Of] keeps the Go type of f. [In] says per argument which axis of its arrays
// is mapped: an int for all of them, nil for none, [Axes] for some by path.
// [Out] says where the mapped axis goes in the results. By default it is axis 0
// everywhere. Inside f the mapped axis is not there; evaluating or printing an
// array inside f is an error, since it stands for many.
//
// With [Name] the function can look across its examples: [Sum], [Mean], [Index],
// [Size]. [Sequential] runs one example after the other, for what has no batch
// rule or would take too much memory at once.
package vmap
