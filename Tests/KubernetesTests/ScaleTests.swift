import KubeSimulator
import Kubernetes
import Testing

/// The subresource `scale` over HTTP: what the client makes of it, and whether the simulated server follows the API
/// conventions.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ScaleTests {
    private static let web = "/apis/apps/v1/namespaces/shop/deployments/web"

    private func client(_ server: FakeServer, token: String = APIServer.adminToken) throws -> KubernetesClient {
        try KubernetesClient(KubernetesAccess(server: server.address, token: token))
    }

    private func kind(_ body: () async throws -> Void) async -> KubernetesError.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? KubernetesError)?.kind
        }
    }

    @Test func theNumberOfReplicasIsReadAndSet() async throws {
        let server = try FakeServer()
        let client = try client(server)
        let known = try await client.scale(of: Self.web)
        #expect(known.wanted == 3 && known.actual == 3 && known.selector == "app=web" && !known.uid.isEmpty)
        let tried = try await client.scale(Self.web, to: 5, from: known, dryRun: true)
        #expect(tried.wanted == 5)
        #expect(try await client.scale(of: Self.web) == known, "a dry run changes nothing")
        let set = try await client.scale(Self.web, to: 5, from: known)
        #expect(set.wanted == 5 && set.uid == known.uid && set.resourceVersion != known.resourceVersion)
        #expect(try await client.get(Self.web).replicas == 5)
        // Nothing is left of a number of 0 but its absence.
        let none = try await client.scale(Self.web, to: 0, from: try await client.scale(of: Self.web))
        #expect(none.wanted == 0)
        let changes = try server.log().filter { $0.subresource == "scale" }
        #expect(changes.count == 2 && changes.allSatisfy { $0.changedSpecification })
    }

    @Test func aChangeOfSomebodyElseIsNeverOverwritten() async throws {
        let server = try FakeServer()
        let client = try client(server)
        let known = try await client.scale(of: Self.web)
        _ = try await client.patch(Self.web, ["metadata": ["labels": ["by": "a-person"]]])
        #expect(await kind { _ = try await client.scale(Self.web, to: 5, from: known) } == .conflict)
        var other = try await client.scale(of: Self.web)
        other.uid = "00000000-0000-0000-0000-000000000000"
        #expect(await kind { _ = try await client.scale(Self.web, to: 5, from: other) } == .conflict)
        #expect(try await client.get(Self.web).replicas == 3)
    }

    @Test func whatTheConventionsRefuseIsRefused() async throws {
        let server = try FakeServer()
        let client = try client(server)
        let known = try await client.scale(of: Self.web)
        func message(_ body: () async throws -> Void) async -> String {
            do {
                try await body()
                return "accepted"
            } catch {
                return "\(error)"
            }
        }
        let negative = await message { _ = try await client.scale(Self.web, to: -1, from: known) }
        #expect(negative.contains("422") && negative.contains("greater than or equal to 0"), "\(negative)")
        let text = await message { _ = try await client.patch(Self.web + "/scale", ["spec": ["replicas": "three"]]) }
        #expect(text.contains("400"), "\(text)")
        let unknown = await message { _ = try await client.patch(Self.web + "/scale", ["spec": ["replcas": 3]]) }
        #expect(unknown.contains("unknown field \"spec.replcas\""), "\(unknown)")
        let renamed = await message {
            _ = try await client.replace(
                Self.web + "/scale",
                [
                    "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": ["name": "other"],
                    "spec": ["replicas": 3],
                ])
        }
        #expect(renamed.contains("400") && renamed.contains("does not match"), "\(renamed)")
        let absent = "/apis/apps/v1/namespaces/shop/deployments/absent"
        #expect(await kind { _ = try await client.scale(of: absent) } == .notFound)
        #expect(await kind { _ = try await client.scale(absent, to: 1, from: known) } == .notFound)
        #expect(await kind { _ = try await client.scale(of: "/api/v1/nodes/node-a") } == .notFound)
        let deletion = await message { try await client.delete(Self.web + "/scale", uid: known.uid) }
        #expect(deletion.contains("405"), "\(deletion)")
        #expect(try await client.scale(of: Self.web) == known)
    }

    @Test func itHasRightsOfItsOwn() async throws {
        let roles = ["reader": ["deployments"], "scaler": ["deployments/scale"]]
        let server = try FakeServer(roles.keys.sorted().flatMap { ["--token", "\($0)=\($0)"] })
        let admin = try client(server)
        for (name, resources) in roles {
            _ = try await admin.create(
                "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
                [
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": ["name": .string(name)],
                    "rules": [
                        [
                            "apiGroups": ["apps"], "resources": .array(resources.map { .string($0) }),
                            "verbs": ["get", "patch"],
                        ]
                    ],
                ])
            _ = try await admin.create(
                "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
                [
                    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                    "metadata": ["name": .string(name)], "roleRef": ["kind": "Role", "name": .string(name)],
                    "subjects": [["kind": "User", "name": .string(name)]],
                ])
        }
        let reader = try client(server, token: "reader")
        let scaler = try client(server, token: "scaler")
        _ = try await reader.get(Self.web)
        #expect(await kind { _ = try await reader.scale(of: Self.web) } == .refused)
        #expect(await kind { _ = try await scaler.get(Self.web) } == .refused)
        let known = try await scaler.scale(of: Self.web)
        #expect(try await scaler.scale(Self.web, to: 4, from: known).wanted == 4)
        let question = AccessQuestion(
            "patch", group: "apps", resource: "deployments", subresource: "scale", namespace: "shop", name: "web")
        #expect(try await scaler.mayI(question))
        #expect(try await !reader.mayI(question))
    }
}
