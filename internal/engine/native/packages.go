package native

import (
	"fmt"
	"strings"
)

// The pinned versions. An engine of other versions has another [Key].
const (
	MLXVersion      = "0.32.4"
	OpenBLASVersion = "0.3.34.0.0"
)

// A Package is one pinned Python package and the digests of the wheels that may be installed for it, one for each
// platform that it comes for.
type Package struct {
	Name    string
	Version string
	SHA256  []string
}

// String returns the package as a line of a pip requirements file.
func (p Package) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s==%s", p.Name, p.Version)
	for _, h := range p.SHA256 {
		fmt.Fprintf(&b, " --hash=sha256:%s", h)
	}
	return b.String()
}

// Packages lists what an engine of the backend is made from; the first is MLX itself. The CUDA lists hold the whole
// closure of MLX's dependencies, so that pip has nothing to resolve.
func Packages(backend string) []Package {
	switch backend {
	case Metal:
		return metalPackages
	case CPU:
		return append(cpuPackages[:len(cpuPackages):len(cpuPackages)], openBLAS)
	case CUDA12:
		return append(cuda12Packages[:len(cuda12Packages):len(cuda12Packages)], openBLAS)
	case CUDA13:
		return append(cuda13Packages[:len(cuda13Packages):len(cuda13Packages)], openBLAS)
	}
	return nil
}

var openBLAS = Package{"scipy-openblas32", OpenBLASVersion, []string{
	"5b5df658f32271b3115d845ea91b19bed190591b55d27d9b5399b83071c68ea1", // x86_64
	"b534496a7c5fd69abf7938cbcc3f4fbb8108d9ed99ac9f93db229abd99281b06", // aarch64
}}

var (
	metalPackages = []Package{
		{"mlx-metal", MLXVersion, []string{
			"8019b2db622599267d66cc168b2f0dbf5af929790a6c3b3913e00eabc42a7947", // macosx_14_0_arm64
			"9f0a3cc26d89724434d9684932fc6f3e4e83669d2a895d858ed2c8a55eb84e8b", // macosx_15_0_arm64
			"514df92d41a286895d2564b4b18f4da45096bd7a4a0c47e1042f345ad5a7f936", // macosx_26_0_arm64
		}},
	}

	cpuPackages = []Package{
		{"mlx-cpu", MLXVersion, []string{
			"0e0a24fa2ce8b6b94d2e6a90604e8813aa8e29fcb918bb2aa01cfb6d133d8cee", // x86_64
			"1289e85e64af1fd16380bf331438bfe4afe875d27afc3e0bcf35f427c488fadd", // aarch64
		}},
	}

	cuda12Packages = []Package{
		{"mlx-cuda-12", MLXVersion, []string{
			"f385c7af7c1f63a9d6ce3e442e1c9ba881c881bcb45c6534ff8155b359da47e5", // x86_64
			"cea869b007c809013c369819d485e3b534f3ecc261199b4c655ef92a21f73f28", // aarch64
		}},
		{"nvidia-cublas-cu12", "12.9.3.13", []string{
			"d7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72", // x86_64
			"918a8781956115d34b1db49e0e7b7befba8d101661c4b560ed4d42e0e17bebc3", // aarch64
		}},
		{"nvidia-cuda-nvrtc-cu12", "12.9.86", []string{
			"210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4", // x86_64
			"096d4de6bda726415dfaf3198d4f5c522b8e70139c97feef5cd2ca6d4cd9cead", // aarch64
		}},
		{"nvidia-cuda-runtime-cu12", "12.9.79", []string{
			"25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3", // x86_64
			"83469a846206f2a733db0c42e223589ab62fd2fabac4432d2f8802de4bded0a4", // aarch64
		}},
		{"nvidia-cudnn-cu12", "9.28.0.42", []string{
			"9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375", // x86_64
			"f88db8fc1a0a5f458e19aa7b08fbe3500aeb9e2bb8dea6293ecbce170364ad72", // aarch64
		}},
		{"nvidia-cufft-cu12", "11.4.1.4", []string{
			"c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28", // x86_64
			"1a28c9b12260a1aa7a8fd12f5ebd82d027963d635ba82ff39a1acfa7c4c0fbcf", // aarch64
		}},
		{"nvidia-cusolver-cu12", "11.7.5.82", []string{
			"15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88", // x86_64
			"62efa83e4ace59a4c734d052bb72158e888aa7b770e1a5f601682f16fe5b4fd2", // aarch64
		}},
		{"nvidia-cusparse-cu12", "12.5.10.65", []string{
			"73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78", // x86_64
			"221c73e7482dd93eda44e65ce567c031c07e2f93f6fa0ecd3ba876a195023e83", // aarch64
		}},
		{"nvidia-nccl-cu12", "2.32.3", []string{
			"bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c", // x86_64
			"061af42ae1044816820e16b872075e243d1ac0656f51860fbc8e106c257aa83a", // aarch64
		}},
		{"nvidia-nvjitlink-cu12", "12.9.86", []string{
			"e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9", // x86_64
			"994a05ef08ef4b0b299829cde613a424382aff7efb08a7172c1fa616cc3af2ca", // aarch64
		}},
	}

	cuda13Packages = []Package{
		{"mlx-cuda-13", MLXVersion, []string{
			"94cb48fba73e5ee39467e51c35c51c691123359ca17bafd1a24cf92ad6732bee", // x86_64
			"cf8a67b49cebff85cd98b1d118c09f6c8ee966b899a914c50cc74d614b25616e", // aarch64
		}},
		{"nvidia-cublas", "13.10.0.20", []string{
			"dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84", // x86_64
			"c5f3418c0a845232a8cabc58f6fa52cfae7d8bd3680d94c3907aca710fd48d70", // aarch64
		}},
		{"nvidia-cuda-nvrtc", "13.5.37", []string{
			"86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc", // x86_64
			"36e4fa2a8ada293f5693d308e531c196ab6f91cf7a0ff479bf96a537d43a6096", // aarch64
		}},
		{"nvidia-cuda-runtime", "13.5.37", []string{
			"df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d", // x86_64
			"de2dc5a7367974228b0a69588a9acc9340d3768bef1bf38bf0801eb08497cd2d", // aarch64
		}},
		{"nvidia-cudnn-cu13", "9.28.1.4", []string{
			"a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec", // x86_64
			"759b6a4919951ed8ec603dec97b96f6a6396c8269b95b3d345526e2471fb433d", // aarch64
		}},
		{"nvidia-cufft", "12.5.0.14", []string{
			"b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad", // x86_64
			"091cde103312d6e09366122fe3f67092dcfd94cc9785029d695d6bcffaa76fdf", // aarch64
		}},
		{"nvidia-cusolver", "12.4.1.2", []string{
			"b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044", // x86_64
			"1f54c8e0d5b1ebd183b4c5a79f0709fa90241e8254da381ca5b969ee97c8de32", // aarch64
		}},
		{"nvidia-cusparse", "12.9.4.2", []string{
			"072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec", // x86_64
			"e2ce97f185c9c4b285e4a8fbf02cb96dd1b8dd66736ebe2f0a8da5f6012a4fb7", // aarch64
		}},
		{"nvidia-nccl-cu13", "2.32.3", []string{
			"1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3", // x86_64
			"a5bee92b2f4af218c109f8d221c3c9adcc752b94ae0ffcb0ed5abf9341a7724c", // aarch64
		}},
		{"nvidia-nvjitlink", "13.5.37", []string{
			"280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb", // x86_64
			"893f6f9a55b2720ed94913b5ba3332e972da8c78dfa2863d0244403dbd528ffc", // aarch64
		}},
	}
)
