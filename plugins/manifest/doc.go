// Package manifest reads and writes plugin.json, the file in a plugin's package
// that says what the package holds, so that a host can decide about a plugin
// without running it.
//
//	{
//	  "format": 1,
//	  "id": "acme/sq",
//	  "version": "1.0.0",
//	  "protocols": [1],
//	  "executables": {
//	    "linux_amd64": {"path": "linux_amd64/sq", "size": 14680064, "sha256": "9f86d0…"}
//	  },
//	  "files": [{"path": "LICENSE", "size": 1070, "sha256": "60303a…"}],
//	  "kernels": […],
//	  "sources": [{"kernel": "square", "backend": "metal", "sha256": "2c2624…"}]
//	}
//
// Kernels are what the program answers when a host asks it ([Manifest.Differs]
// compares the two), their GPU code among it; sources repeats the SHA-256 of
// each piece of GPU code, for people to compare. The digest of a manifest, which
// plugins.lock pins and keys sign, is the SHA-256 of the file's bytes: it fixes
// everything in the package.
//
// A program written with package sdk writes its manifest itself: `PROGRAM
// manifest`.
//
// [Decode] trusts nothing. Sizes, counts and nesting are bounded; a field that
// is unknown, written twice or in other case, a null, a path that leaves the
// package, and anything that does not fit the rest is an [*Error] in one line
// with the place as a JSON path: "plugin.json: kernels[2].inputs[0].dtypes[1]:
// must be a string, is a number".
package manifest
