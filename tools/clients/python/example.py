"""Signs in, lists the channels and follows the first one until interrupted.

usage: example.py ADDRESS LOGIN PASSWORD [MESSAGES]    ends after so many messages, if given
"""

import sys

import grpc

from waystone.auth.v1 import auth_pb2, auth_pb2_grpc
from waystone.chat.v1 import chat_pb2, chat_pb2_grpc


def follow(chat, channel, metadata, messages_left):
    request = chat_pb2.StreamMessagesRequest(channel_id=channel.id, after_sequence=0)
    for answer in chat.StreamMessages(request, metadata=metadata):
        event = answer.WhichOneof("event")
        if event == "caught_up":
            print("-- live --", flush=True)
        elif event == "message":
            print(f"{answer.message.character_name}: {answer.message.text}", flush=True)
            messages_left -= 1
            if messages_left == 0:
                return


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    address, login, password = sys.argv[1:4]
    messages = int(sys.argv[4]) if len(sys.argv) == 5 else -1
    with grpc.insecure_channel(address) as connection:
        auth = auth_pb2_grpc.AuthServiceStub(connection)
        request = auth_pb2.SignInRequest(login=login, password=password)
        session = auth.SignIn(request, timeout=10).session
        metadata = [("authorization", f"Bearer {session.access_token}")]

        chat = chat_pb2_grpc.ChatServiceStub(connection)
        channels = chat.ListChannels(
            chat_pb2.ListChannelsRequest(), metadata=metadata, timeout=10).channels
        for channel in channels:
            print(f"#{channel.name}", flush=True)
        follow(chat, channels[0], metadata, messages)


try:
    main()
except grpc.RpcError as error:
    sys.exit(f"{error.code().name}: {error.details()}")
