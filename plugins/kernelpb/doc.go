// Package kernelpb is the wire protocol between a host and a kernel plugin:
// the messages and the service that protoc makes from kernel.proto, the
// handshake, and conversions to and from the plain types of package spec.
//
// It is for those who write a host or a plugin kit. A kernel's author uses
// package sdk, a program that calls kernels uses package plugins, and neither
// shows a protobuf type.
//
// Messages are at most [MessageLimit]. A tensor of at most [InlineLimit] travels
// inside them; the elements of a larger one lie in shared memory.
//
// To change the protocol, edit kernel.proto, adding only, and run go generate
// with protoc, protoc-gen-go and protoc-gen-go-grpc on the PATH, and a python3
// that has the package grpcio-tools, in the version of grpcio in
// plugins/python/requirements.txt: the author kit for Python has a copy.
package kernelpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative kernel.proto
//go:generate python3 -m grpc_tools.protoc -I. --python_out=../python/adjoint_plugin kernel.proto
