package manifest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/adjoint-go/adjoint/plugins/spec"
)

// Differs returns an error that wraps [ErrDiffers] and names the first
// difference between the manifest and what the program says about itself, nil
// if they are the same.
func (m *Manifest) Differs(about *spec.Plugin) error {
	want := m.Describe()
	a, err := want.Digest()
	if err != nil {
		return err
	}
	b, err := about.Digest()
	if err != nil {
		return err
	}
	if a == b {
		return nil
	}
	at, have, says := difference("", reflect.ValueOf(*want), reflect.ValueOf(*about))
	return fmt.Errorf("%w: at %s the manifest has %s, the program says %s", ErrDiffers, at, have, says)
}

// difference finds the first place where two values of one type differ.
func difference(at string, a, b reflect.Value) (place, left, right string) {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
			if place, left, right = difference(join(at, name), a.Field(i), b.Field(i)); place != "" {
				return place, left, right
			}
		}
		return "", "", ""
	case reflect.Slice:
		for i := range min(a.Len(), b.Len()) {
			if place, left, right = difference(fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i)); place != "" {
				return place, left, right
			}
		}
		if a.Len() != b.Len() {
			return at, fmt.Sprintf("%d entries", a.Len()), fmt.Sprintf("%d", b.Len())
		}
		return "", "", ""
	}
	if reflect.DeepEqual(a.Interface(), b.Interface()) {
		return "", "", ""
	}
	return at, short(a), short(b)
}

func short(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", clip(v.String()))
	}
	return clip(fmt.Sprint(v.Interface()))
}
