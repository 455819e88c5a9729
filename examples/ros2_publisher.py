"""People as visualization markers and TF frames for ROS 2. Never run on a real ROS 2: tested with stand-ins only.

    python ros2_publisher.py [CAMERA NUMBER OR VIDEO]

Topic `rtpose/people` (visualization_msgs/MarkerArray) and transforms `camera -> person_ID`, in the optical frame
`camera`: x right, y down, z forward, metres, as rtpose's camera space.
"""

import sys

import rclpy
from geometry_msgs.msg import Point, TransformStamped
from tf2_ros import TransformBroadcaster
from visualization_msgs.msg import Marker, MarkerArray

import rtpose
from rtpose.skeleton import H36M17
from rtpose.types import Person3D

FRAME = "camera"


def bones_marker(person: Person3D, stamp: object) -> Marker:
    """The skeleton of a person as a list of lines."""
    marker = Marker()
    marker.header.frame_id, marker.header.stamp = FRAME, stamp
    marker.ns, marker.id = "people", person.track_id
    marker.type, marker.action = Marker.LINE_LIST, Marker.ADD
    marker.pose.orientation.w = 1.0
    marker.scale.x = 0.03
    marker.color.g = marker.color.a = 1.0
    marker.lifetime.nanosec = 500_000_000
    joints = person.pose_3d + person.root_3d
    for edge in H36M17.edges:
        for index in edge:
            x, y, z = map(float, joints[index])
            marker.points.append(Point(x=x, y=y, z=z))
    return marker


def root_transform(person: Person3D, stamp: object) -> TransformStamped:
    """Where the root of a person is."""
    transform = TransformStamped()
    transform.header.frame_id, transform.header.stamp = FRAME, stamp
    transform.child_frame_id = f"person_{person.track_id}"
    place = transform.transform.translation
    place.x, place.y, place.z = map(float, person.root_3d)
    transform.transform.rotation.w = 1.0
    return transform


def main(source: str = "0") -> None:
    rclpy.init()
    node = rclpy.create_node("rtpose")
    publisher = node.create_publisher(MarkerArray, "rtpose/people", 10)
    broadcaster = TransformBroadcaster(node)
    try:
        with (
            rtpose.open_source(int(source) if source.isdigit() else source) as frames,
            rtpose.open_estimator(persons=2) as estimator,
        ):
            for frame in frames:
                if not rclpy.ok():
                    break
                people, stamp = estimator(frame), node.get_clock().now().to_msg()
                publisher.publish(MarkerArray(markers=[bones_marker(person, stamp) for person in people]))
                broadcaster.sendTransform([root_transform(person, stamp) for person in people])
    finally:
        node.destroy_node()
        rclpy.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:2])
