// Signs in, lists the channels and follows the first one until interrupted.
//
// usage: waystone-client ADDRESS LOGIN PASSWORD [MESSAGES]    ends after so many messages, if given
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	authv1 "example.org/waystone-client/gen/waystone/auth/v1"
	chatv1 "example.org/waystone-client/gen/waystone/chat/v1"
)

// signIn returns a context whose calls carry the access token.
func signIn(connection *grpc.ClientConn, login, password string) (context.Context, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	answer, err := authv1.NewAuthServiceClient(connection).SignIn(ctx,
		&authv1.SignInRequest{Login: login, Password: password})
	if err != nil {
		return nil, err
	}
	if answer.GetSession() == nil {
		return nil, errors.New("the account wants a second factor")
	}
	return metadata.AppendToOutgoingContext(context.Background(),
		"authorization", "Bearer "+answer.GetSession().AccessToken), nil
}

func follow(ctx context.Context, chat chatv1.ChatServiceClient, channel int64, messages int) error {
	var start int64
	stream, err := chat.StreamMessages(ctx,
		&chatv1.StreamMessagesRequest{ChannelId: channel, AfterSequence: &start})
	if err != nil {
		return err
	}
	for messages != 0 {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		switch event := answer.Event.(type) {
		case *chatv1.StreamMessagesResponse_CaughtUp:
			fmt.Println("-- live --")
		case *chatv1.StreamMessagesResponse_Message:
			fmt.Printf("%s: %s\n", event.Message.CharacterName, event.Message.Text)
			messages--
		}
	}
	return nil
}

func run(address, login, password string, messages int) error {
	connection, err := grpc.Dial(address, grpc.WithInsecure())
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, err := signIn(connection, login, password)
	if err != nil {
		return err
	}
	chat := chatv1.NewChatServiceClient(connection)
	answer, err := chat.ListChannels(ctx, &chatv1.ListChannelsRequest{})
	if err != nil {
		return err
	}
	for _, channel := range answer.Channels {
		fmt.Printf("#%s\n", channel.Name)
	}
	return follow(ctx, chat, answer.Channels[0].Id, messages)
}

func main() {
	messages := -1
	if len(os.Args) == 5 {
		messages, _ = strconv.Atoi(os.Args[4])
	}
	if len(os.Args) < 4 || len(os.Args) > 5 {
		fmt.Fprintln(os.Stderr, "usage: waystone-client ADDRESS LOGIN PASSWORD [MESSAGES]")
		os.Exit(1)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], messages); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
