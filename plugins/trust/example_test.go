package trust_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/adjoint-go/adjoint/plugins/trust"
)

func Example() {
	dir, err := os.MkdirTemp("", "trust")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, trust.LockName)

	good := trust.Claim{ID: "acme/sq", Version: "1.0.0", Manifest: []byte("{}")}
	err = trust.UpdateLock(path, func(l *trust.Lock) error {
		l.Set(good.ID, good.Version, good.Manifest)
		return nil
	})
	if err != nil {
		panic(err)
	}
	lock, err := trust.ReadLock(path)
	if err != nil {
		panic(err)
	}
	fmt.Print(string(lock.Encode()))

	strict := trust.Policy{RequireLock: true}
	fmt.Println(strict.Check(good, lock))
	fmt.Println(strict.Check(trust.Claim{ID: "acme/other", Version: "2.0.0"}, nil))

	key, err := trust.NewKey()
	if err != nil {
		panic(err)
	}
	signed := trust.Policy{Keys: []trust.PublicKey{key.Public()}}
	fmt.Println(signed.Check(good, lock))
	good.Signatures = key.Sign(good.Manifest)
	fmt.Println(signed.Check(good, lock))
	// Output:
	// adjoint plugins.lock 1
	// acme/sq 1.0.0 sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
	// <nil>
	// plugin acme/other 2.0.0: the lock file does not pin it: there is no lock file
	// plugin acme/sq 1.0.0: it is not signed
	// <nil>
}
