package walk_test

import (
	"fmt"
	"reflect"
	"unsafe"

	"github.com/adjoint-go/adjoint/internal/walk"
)

func Example() {
	type Array struct{ name string }
	type Layer struct {
		W     *Array `tree:"weight"`
		Steps int
	}
	type Model struct{ Layers []Layer }

	plan, err := walk.For[Array]().Compile(reflect.TypeFor[Model]())
	if err != nil {
		fmt.Println(err)
		return
	}
	m := Model{[]Layer{{&Array{"a"}, 1}, {&Array{"b"}, 2}}}
	leaves, _ := plan.Flatten(nil, unsafe.Pointer(&m))

	out := m
	leaves[1] = &Array{"c"}
	_ = plan.Replace(unsafe.Pointer(&out), leaves)
	fmt.Println(m.Layers[1].W.name, out.Layers[1].W.name, plan.Path(unsafe.Pointer(&m), 1))

	out.Layers[0].Steps = 5
	change, _ := walk.For[Array]().DiffValues(m, out)
	fmt.Println(change)
	// Output:
	// b c Layers.1.weight
	// Layers.0.Steps: was int 1, now int 5
}
