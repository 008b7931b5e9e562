/* An FFmpeg without some decoders, as other builds of it are: avcodec_find_decoder() and its like by name know none of the codecs whose
 * names stand in the file $PILLION_HIDDEN_CODECS. Preloaded, it stands in front of the library's own function. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_codec_library(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    if (!strstr(info->dlpi_name, "/libavcodec"))
        return 0;
    *(void **)found = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    return 1;
}

/* The library is opened for PyAV alone, so RTLD_NEXT does not see it. */
static void *real(const char *name)
{
    void *library = NULL;
    dl_iterate_phdr(is_codec_library, &library);
    void *function = library ? dlsym(library, name) : NULL;
    if (!function)
        abort();
    return function;
}

static int is_hidden(const char *codec)
{
    char name[64];
    int hidden = 0;
    const char *path = getenv("PILLION_HIDDEN_CODECS");
    FILE *list = path ? fopen(path, "r") : NULL;
    while (list && !hidden && fscanf(list, "%63s", name) == 1)
        hidden = !strcmp(name, codec);
    if (list)
        fclose(list);
    return hidden;
}

const void *avcodec_find_decoder_by_name(const char *name)
{
    const void *(*find)(const char *) = real("avcodec_find_decoder_by_name");
    return is_hidden(name) ? NULL : find(name);
}

const void *avcodec_find_decoder(int id)
{
    const char *(*get_name)(int) = real("avcodec_get_name");
    const void *(*find)(int) = real("avcodec_find_decoder");
    return is_hidden(get_name(id)) ? NULL : find(id);
}
