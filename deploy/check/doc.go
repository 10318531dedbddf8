// Package check tests what cepd is shipped with: the chart is rendered by Helm's
// own engine and its objects decoded into Kubernetes' own types, the Dockerfile
// is read by BuildKit's parser, and a container's root is made of both, in which
// the real binary runs as the user it would have. It is a module of its own, so
// that none of these is a dependency of cepd.
//
//	values/*.yaml --Helm--> objects --strict--> k8s.io/api types --> rendered/*.yaml
//	                           |
//	      Dockerfile's files --+--> chroot, user 65532: cepd serve --> probes answer
package check
