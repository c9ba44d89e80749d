import Foundation
import Kubernetes
import Yams

/// Objects that tests begin with.
package enum SampleEstate {
    /// Two nodes and the Deployment `shop/web` of three replicas.
    package static let objects: [JSONValue] = [
        node("node-a"), node("node-b"), namespace("shop"), namespace("sre-agent"),
        deployment("web", image: "web:1", replicas: 3),
    ]

    package static func namespace(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
    }

    package static func node(_ name: String) -> JSONValue {
        ["apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(name)], "spec": [:]]
    }

    package static func deployment(_ name: String, image: String, replicas: Int) -> JSONValue {
        let labels: JSONValue = ["app": .string(name)]
        return [
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": ["name": .string(name), "namespace": "shop"],
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": labels],
                "template": [
                    "metadata": ["labels": labels],
                    "spec": ["containers": [["name": .string(name), "image": .string(image)]]],
                ],
            ],
        ]
    }

    package static func budget(_ name: String, app: String, minimum: Int) -> JSONValue {
        [
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": ["name": .string(name), "namespace": "shop"],
            "spec": [
                "minAvailable": .integer(Int64(minimum)), "selector": ["matchLabels": ["app": .string(app)]],
            ],
        ]
    }

    package static func autoscaler(_ name: String, of deployment: String, _ bounds: ClosedRange<Int>) -> JSONValue {
        [
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": ["name": .string(name), "namespace": "shop"],
            "spec": [
                "scaleTargetRef": ["apiVersion": "apps/v1", "kind": "Deployment", "name": .string(deployment)],
                "minReplicas": .integer(Int64(bounds.lowerBound)), "maxReplicas": .integer(Int64(bounds.upperBound)),
            ],
        ]
    }

    package static func configMap(_ name: String, _ data: [String: String]) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name), "namespace": "shop"],
            "data": .object(data.mapValues { .string($0) }),
        ]
    }

    /// Objects of every YAML file of a folder.
    ///
    /// - Throws: when a file is not YAML.
    package static func manifests(folder: String) throws -> [JSONValue] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        return try names.filter { $0.hasSuffix(".yaml") }.flatMap { name -> [JSONValue] in
            let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            return try Yams.load_all(yaml: text).compactMap { $0 is [String: Any] ? JSONValue(yaml: $0) : nil }
        }
    }
}
